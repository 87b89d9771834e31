"""Sealing: a signed checkpoint of the log every few seconds while it grows."""

import asyncio

from artstore.admin.audit import metrics, repository, stored_tree
from artstore.admin.audit.note import Checkpoint, SigningKey
from artstore.admin.audit.stored_tree import HashesMissing
from artstore.kernel.database import Database, DatabaseDown, WriteConnection
from artstore.kernel.dependencies import DependencyDown
from artstore.kernel.logging import get_logger

_log = get_logger(__name__)


class LogContradicts(Exception):
    """The log is not a continuation of what its last checkpoint sealed."""


class Sealer:
    """Signs the log, unless it contradicts what was signed before: then it says so and signs nothing.

    Every process of Admin has one, and at each moment one of them seals.
    """

    name = "audit"
    essential = False

    key: SigningKey
    """To be given before the first seal: the start of Admin opens it."""

    def __init__(self, database: Database, *, every_seconds: float) -> None:
        self._database = database
        self._every_seconds = every_seconds
        self._contradiction: str | None = None

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            try:
                await self.seal()
            except DatabaseDown as e:
                _log.warning("the audit trail is not sealed; the database is away", reason=e.reason)
            except (LogContradicts, HashesMissing) as e:
                self._found(str(e))
            else:
                self._found(None)
            await asyncio.sleep(self._every_seconds)

    async def check(self) -> None:
        """For the health of the service. Raises DependencyDown."""
        if self._contradiction is not None:
            raise DependencyDown(f"{self._contradiction}; run: artstore audit verify")

    async def seal(self) -> None:
        """Seals what is not sealed yet, once. Raises LogContradicts, HashesMissing, DatabaseDown."""
        more = True
        while more:
            async with self._database.write() as connection:
                if not await repository.may_seal(connection):
                    return
                size = await repository.size(connection)
                more = await stored_tree.extend_subtrees(connection, size)
                if not more:
                    await self._seal(connection, size)

    async def _seal(self, connection: WriteConnection, size: int) -> None:
        sealed = await repository.newest_checkpoint(connection)
        if sealed is not None:
            if size < sealed.tree_size:
                raise LogContradicts(f"the log has {size} entries, but {sealed.tree_size} were sealed")
            if await stored_tree.root_hash(connection, sealed.tree_size) != sealed.root_hash:
                raise LogContradicts(f"the first {sealed.tree_size} entries are not those that were sealed")
            metrics.SEALED_ENTRIES.set(sealed.tree_size)
        if size == 0 or (sealed is not None and size == sealed.tree_size):
            return
        root = await stored_tree.root_hash(connection, size)
        note = self.key.sign(Checkpoint(self.key.name, size, root).text())
        await repository.add_checkpoint(connection, size, root, note)
        metrics.SEALED_ENTRIES.set(size)

    def _found(self, contradiction: str | None) -> None:
        metrics.CONTRADICTS.set(contradiction is not None)
        if contradiction is not None and contradiction != self._contradiction:
            _log.error("the audit trail contradicts its last checkpoint", reason=contradiction)
        self._contradiction = contradiction
