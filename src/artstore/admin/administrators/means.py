"""What the use cases of administrators work with."""

from dataclasses import dataclass
from datetime import timedelta

from artstore.admin.administrators.lockout import Limits
from artstore.admin.administrators.passwords import PasswordHasher
from artstore.admin.administrators.sealing import Seal
from artstore.kernel.database import Database


@dataclass(frozen=True)
class Rules:
    """What the operator decides."""

    token_lifetime: timedelta
    session_idle: timedelta
    """Without a refresh for so long, a session is over."""
    session_lifetime: timedelta
    reset_code_lifetime: timedelta
    by_name: Limits
    by_address: Limits


@dataclass(frozen=True)
class Means:
    database: Database
    hasher: PasswordHasher
    seal: Seal
    rules: Rules


@dataclass(frozen=True)
class Caller:
    """Where a request comes from, as its sender may have invented it: bounded, and only told."""

    address: str
    user_agent: str
