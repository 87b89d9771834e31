"""What Query is told by its environment."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from artstore.kernel.settings import ServiceSettings
from artstore.kernel.stalled import STALLED_SECONDS


class QuerySettings(ServiceSettings):
    """Variables ``ARTSTORE_QUERY_…``; see also the base class."""

    model_config = SettingsConfigDict(env_prefix="ARTSTORE_QUERY_")

    port: int = Field(default=8030, ge=1, le=65535)
    """TCP port to listen on."""
    database_url: SecretStr
    """``postgresql+psycopg://…``: the database that holds the catalog, in the schema ``query``. The role
    must be able to create that schema and the trusted extensions btree_gin, pg_trgm and unaccent, or find
    them there."""
    database_pool_size: int = Field(default=10, ge=2, le=1000)
    """Connections to PostgreSQL, at most. Requests beyond wait for one, for up to five seconds."""
    search_seconds: float = Field(default=5.0, gt=0, le=300)
    """Seconds that PostgreSQL may work on one search; then it is given up and answered with 503."""
    cache_documents: int = Field(default=5000, ge=0, le=1_000_000)
    """Answers of the catalog about single documents that a process keeps, each of some kilobytes. 0: none."""
    failover_seconds: float = Field(default=10, ge=0, le=300)
    """How long a download that its element broke off waits for one that goes on; then it is broken off, too.

    Long enough for an element to start again, and shorter than clients wait for the next byte.
    """
    element_silence_seconds: float = Field(default=5, ge=0.1, le=60)
    """How long an element may send nothing, before its answer or in the middle of a document, where another
    may have the document, too: then that one is asked. Where there is none, a minute.

    Shorter than elements may take that are only busy, downloads wander between them.
    """
    client_stalled_seconds: float = Field(default=STALLED_SECONDS, ge=1, le=3600)
    """How long a client may take nothing of a download or an archive; then its connection is broken.

    Shorter breaks off slow clients that read all the time: the kernel takes more for them only after each
    megabyte or so. At 60, those below 23 KB/s.
    """
    archives_at_once: int = Field(default=8, ge=1, le=1000)
    """Archives of many documents that are made at once in one process; more are refused with 429.

    Each takes a share of two threads that pack, and some MiB of memory.
    """
    breaker_failures: int = Field(default=3, ge=1, le=1000)
    """Failures in a row (not reached, silent, broken) after which an element is left alone for a while."""
    breaker_open_seconds: float = Field(default=1, gt=0, le=3600)
    """How long it is left alone at first, give or take half of it; doubled each time it fails again."""
    breaker_longest_seconds: float = Field(default=30, gt=0, le=3600)
    """The longest that it is left alone before it is tried again."""
    client_id: str
    """The account of this service, with the scopes ``files:read``, ``files:all`` and ``elements:read``."""
    client_secret: SecretStr
    """Its secret. Used for background work, for whoever comes with a link in place of a token, and for
    archives of many documents; all other requests of clients travel on with the client's token."""
