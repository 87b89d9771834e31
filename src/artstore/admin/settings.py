"""Settings of Admin: environment variables ``ARTSTORE_ADMIN_<NAME>``, or files in ``ARTSTORE_SECRETS_DIR``.

Whoever starts Admin must give at least::

    ARTSTORE_ADMIN_PORT
    ARTSTORE_ADMIN_DATABASE_URL             postgresql+psycopg://…
    ARTSTORE_ADMIN_REDIS_URL                redis://… or unix://…
    ARTSTORE_ADMIN_KEY_PASSPHRASE           opens the private keys; losing it means new keys
    ARTSTORE_ADMIN_SERVICE_CLIENT_ID        the account ``artstore-services`` (role OPERATOR), with which the
    ARTSTORE_ADMIN_SERVICE_CLIENT_SECRET    services do their background work

The first account, of role ADMIN, with which the others are made, has the id and secret of
ARTSTORE_ADMIN_INITIAL_CLIENT_ID and ARTSTORE_ADMIN_INITIAL_CLIENT_SECRET. Where none are configured they are
made at the first start and shown once: in the file that ARTSTORE_ADMIN_INITIAL_SECRET_FILE names, else on the
terminal.

Optional: ARTSTORE_ADMIN_INITIAL_ADMIN_PASSWORD, of the first administrator (absent: made up, and shown once).
Everything else has a default; see also those of every service (``artstore.kernel.settings``).

Client ids and secrets that are configured consist of letters, digits and ``.`` ``_`` ``~`` ``-``: what needs
no escaping reads the same in HTTP Basic, whether or not a client form-encodes it as RFC 6749 §2.3.1 wants.
Both accounts are there once Admin has started; a changed secret holds from the next start.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from artstore.admin.administrators.first import FirstAdministrator
from artstore.admin.administrators.lockout import Limits
from artstore.admin.administrators.means import Rules
from artstore.admin.keys.rotation import MOST_PUBLISHED, Times
from artstore.admin.service_accounts.configured import ConfiguredAccount
from artstore.admin.service_accounts.rotation import SecretPolicy
from artstore.admin.storage_elements.noticing import Thresholds
from artstore.admin.transactions.progress import RetryPolicy
from artstore.kernel.access.claims import LEEWAY_SECONDS
from artstore.kernel.settings import ServiceSettings
from artstore.wire.accounts import MAX_OVERLAP_SECONDS, MAX_TOKEN_SECONDS
from artstore.wire.administrators import MAX_LOGIN_TOKEN_SECONDS, Username
from artstore.wire.scopes import Role

SERVICES_ACCOUNT_NAME: Final = "artstore-services"
RESET_CODE_SECONDS: Final = 24 * 3600

_ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]{3,128}$")]
_ClientSecret = Annotated[SecretStr, Field(min_length=20, max_length=256)]
_SECRET_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-")


class OfflineSettings(BaseSettings):
    """What the command line needs of the settings of Admin to work on its database."""

    model_config = SettingsConfigDict(
        env_prefix="ARTSTORE_ADMIN_", extra="ignore", frozen=True, case_sensitive=False
    )

    database_url: SecretStr
    reset_code_seconds: int = Field(default=RESET_CODE_SECONDS, ge=60, le=30 * 24 * 3600)

    @property
    def reset_code_lifetime(self) -> timedelta:
        return timedelta(seconds=self.reset_code_seconds)


class AdminSettings(ServiceSettings):
    """What Admin is told; the module's docstring has the list by variable."""

    model_config = SettingsConfigDict(env_prefix="ARTSTORE_ADMIN_")

    admin_url: str = ""
    """Admin's own address; default: its ``public_url``. The default of ``issuer``."""
    database_url: SecretStr
    """The PostgreSQL that holds the schema ``admin``: accounts, keys, registry, audit trail."""
    migration_database_url: SecretStr | None = None
    """The same database with the role that owns the tables: it makes and migrates them, and gives the role
    of ``database_url`` the rights that the service needs. Without it the service owns its tables, so that
    nothing in the database keeps it from changing the audit trail; it says so at the start and in a metric.
    """
    audit_seal_seconds: float = Field(default=5.0, ge=0.1, le=3600)
    """How often the audit trail is sealed by a checkpoint while it grows. What was appended since the last
    one could be changed unseen by whoever owns the tables; each checkpoint is a row."""
    database_pool_size: int = Field(default=8, ge=2, le=100)
    """Connections to PostgreSQL. A request uses one for milliseconds; hashing happens without one."""
    key_passphrase: Annotated[SecretStr, Field(min_length=16)]
    """Encrypts the private keys in the database; another one than that of the first start needs the next."""
    key_passphrase_before: Annotated[SecretStr | None, Field(min_length=16)] = None
    """Opens private keys that the passphrase does not open; the start encrypts them anew with that one."""
    key_rotation_seconds: int = Field(default=24 * 3600, ge=300, le=366 * 24 * 3600)
    """How long a key signs before another one does."""
    key_lead_seconds: int = Field(default=10, ge=2, le=120)
    """How long a new key is published before it signs. Shorter than verifiers take to learn of it: they ask
    at its first token."""
    key_grace_seconds: int = Field(default=0, ge=0, le=366 * 24 * 3600)
    """How long a key is good after it signed last. Never less than its last token is: that is the default."""
    room_warning_percent: int = Field(default=10, ge=0, le=100)
    """An element with at most so much of its capacity left is warned of."""
    retention_warning_days: int = Field(default=90, ge=0, le=3660)
    """An element whose retention period ends within so many days is warned of."""
    token_seconds: int = Field(default=3600, ge=60, le=MAX_TOKEN_SECONDS)
    """How long an access token is good, if it is not revoked. Short ones are asked for more often."""
    secret_days: int = Field(default=90, ge=0, le=3650)
    """How long a generated secret is good. 0: for ever. Those that exist keep their end."""
    secret_warning_days: int = Field(default=14, ge=1, le=365)
    """How long before its end the last secret of an account is warned of: what clients need to act."""
    secret_overlap_seconds: int = Field(default=24 * 3600, ge=0, le=MAX_OVERLAP_SECONDS)
    """How long the old secret stays good when a rotation does not say. 0 cuts every client off at once."""
    initial_account_name: Annotated[str, StringConstraints(pattern=r"^\w[\w .-]{0,63}$")] = "administrator"
    """Name of the first account. Another name makes another account; the old one stays."""
    initial_client_id: _ClientId | None = None
    """Default: made with the account, and kept."""
    initial_client_secret: Annotated[SecretStr | None, Field(min_length=20, max_length=256)] = None
    """At least 20 characters. The account has every right: generate the secret, and guard it. Default: made
    with the account, shown once; it expires as others do, and a configured one takes its place."""
    initial_secret_file: Path | None = None
    """Where an id and a secret that were made are written, for its owner alone. Remove it once it is read."""
    initial_admin_username: Username = "admin"
    """Name of the first administrator, made at a start that finds none; not looked at afterwards."""
    initial_admin_password: SecretStr | None = None
    """Of the first administrator. Absent: one is made up, and shown once at the terminal; without a terminal
    the person has none, and a one-time code of ``artstore admin user reset-password`` sets one."""
    login_token_seconds: int = Field(default=300, ge=60, le=MAX_LOGIN_TOKEN_SECONDS)
    """How long an access token of a person is good, while its session goes on."""
    session_idle_seconds: int = Field(default=1800, ge=60, le=30 * 24 * 3600)
    """A session that is not refreshed for so long is over."""
    session_seconds: int = Field(default=12 * 3600, ge=60, le=90 * 24 * 3600)
    """A session is over after so long in any case."""
    reset_code_seconds: int = Field(default=RESET_CODE_SECONDS, ge=60, le=30 * 24 * 3600)
    """How long a one-time code for a password is good."""
    lockout_failures: int = Field(default=5, ge=1, le=100)
    """Failed logins in a row that lock a name."""
    lockout_address_failures: int = Field(default=20, ge=1, le=100_000)
    """Failed logins that lock an address, from which several people may come."""
    lockout_seconds: int = Field(default=60, ge=1, le=24 * 3600)
    """How long the first lock lasts. Each further one without a success between lasts twice as long."""
    lockout_longest_seconds: int = Field(default=3600, ge=1, le=24 * 3600)
    """The longest lock. Bounded, since strangers can lock a name."""
    auth_failures: int = Field(default=10, ge=0, le=1_000_000)
    """Failed authentications of one client at one address within a minute; further ones are not looked at.
    0 sets no limit. Other addresses of the client are not concerned."""
    auth_address_failures: int = Field(default=100, ge=0, le=1_000_000)
    """Those of one address, whatever clients it names. 0 sets no limit."""
    finalize_margin_seconds: int = Field(default=24 * 3600, ge=0, le=30 * 24 * 3600)
    """How long the temporary copy of a document is kept after the document became permanent. 0: it goes at
    once, and a search that is behind may miss the document for a moment."""
    transfer_margin_seconds: int = Field(default=300, ge=0, le=24 * 3600)
    """How long a document that was transferred stays in the element that it leaves, too. Nobody changes or
    deletes it so long. 0: not at all, and a search that is behind may miss it for a moment."""
    transactions_at_once: int = Field(default=8, ge=1, le=64)
    """Transactions that this process goes on with at the same time; each may copy a document."""
    transaction_attempts: int = Field(default=20, ge=1, le=1000)
    """Failures of one step after which it is not tried again: the transaction is undone, or fails where it
    cannot be."""
    transaction_pause_seconds: float = Field(default=60, ge=0.5, le=3600)
    """The longest pause between two attempts at a step; they begin with half a second and double."""
    service_client_id: _ClientId
    service_client_secret: _ClientSecret
    """At least 20 characters. Known to all services, and to nobody else."""

    @model_validator(mode="after")
    def _check_accounts(self) -> Self:
        for name in ("initial_client_secret", "service_client_secret"):
            secret: SecretStr | None = getattr(self, name)
            if secret is not None and not _SECRET_CHARACTERS.issuperset(secret.get_secret_value()):
                raise ValueError(f"{name} may have letters, digits and . _ ~ - only")
        if self.initial_client_id == self.service_client_id:
            raise ValueError("initial_client_id and service_client_id must differ")
        if self.initial_account_name == SERVICES_ACCOUNT_NAME:
            raise ValueError(f"initial_account_name must not be {SERVICES_ACCOUNT_NAME}")
        return self

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        times = self.key_times()
        if times.published > MOST_PUBLISHED:
            raise ValueError(
                f"key_rotation_seconds is too short: each key is good for {times.grace:.0f} seconds after it "
                "signed last (key_grace_seconds, or token_seconds and the leeway of clocks), so that "
                f"{times.published} would be at once; at most {MOST_PUBLISHED} may be"
            )
        return self

    def secret_policy(self) -> SecretPolicy:
        life = timedelta(days=self.secret_days) if self.secret_days else None
        return SecretPolicy(life, timedelta(seconds=self.secret_overlap_seconds))

    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(self.transaction_attempts, self.transaction_pause_seconds)

    def element_thresholds(self) -> Thresholds:
        return Thresholds(self.room_warning_percent, timedelta(days=self.retention_warning_days))

    @property
    def passphrase_before(self) -> str | None:
        before = self.key_passphrase_before
        return before.get_secret_value() if before is not None else None

    def key_times(self) -> Times:
        """A token is good for its time, and for the leeway of whoever verifies it."""
        needed = self.token_seconds + 2 * LEEWAY_SECONDS
        return Times(self.key_rotation_seconds, self.key_lead_seconds, max(self.key_grace_seconds, needed))

    def rules(self) -> Rules:
        """What holds for logins and sessions of administrators."""
        locks = timedelta(seconds=self.lockout_seconds), timedelta(seconds=self.lockout_longest_seconds)
        return Rules(
            token_lifetime=timedelta(seconds=self.login_token_seconds),
            session_idle=timedelta(seconds=self.session_idle_seconds),
            session_lifetime=timedelta(seconds=self.session_seconds),
            reset_code_lifetime=timedelta(seconds=self.reset_code_seconds),
            by_name=Limits(self.lockout_failures, *locks),
            by_address=Limits(self.lockout_address_failures, *locks),
        )

    def first_administrator(self) -> FirstAdministrator:
        return FirstAdministrator(self.initial_admin_username, self.initial_admin_password)

    def configured_accounts(self) -> list[ConfiguredAccount]:
        """The accounts that are there when Admin has started."""
        return [
            ConfiguredAccount(
                self.initial_account_name, Role.ADMIN, self.initial_client_id, self.initial_client_secret
            ),
            ConfiguredAccount(
                SERVICES_ACCOUNT_NAME, Role.OPERATOR, self.service_client_id, self.service_client_secret
            ),
        ]
