"""Which batches a restart finds in staging, and whether their documents are stored. Blocks."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from artstore.engine.batches.journal import JOURNAL_SUFFIX, Contents, Journal, Member, read_journal
from artstore.engine.durable import is_temporary
from artstore.engine.log.record import Lsn


@dataclass(frozen=True)
class Survivor:
    """A batch that a restart found in staging."""

    contents: Contents
    committed: bool
    """Whether its documents are stored, told in the journal or not. Otherwise their files are to be kept."""
    written_at: float
    """When something was added last, in seconds since 1970."""
    again: list[Member] = field(default_factory=list)
    """Of a committed one, what the log has lost and neither files nor log have: to be stored again."""
    missing: list[Member] = field(default_factory=list)
    """What was put into it and is nowhere."""

    @property
    def kept(self) -> set[str]:
        """Names of the staging files that are needed."""
        members = self.again if self.committed else self.contents.members
        return {member.staged for member in members}


@dataclass(frozen=True)
class Surviving:
    """``named`` are the staging files that records of the log name and that are not followed; everything up
    to ``files_lsn`` is followed; ``is_known`` looks for a document in the log and among the files.
    """

    staging: Path
    named: set[str]
    files_lsn: Lsn
    is_known: Callable[[Member], bool]

    def batches(self, lifetime_seconds: float) -> Iterator[tuple[Path, Survivor | str]]:
        """The journals of those that have not expired, with what they come to, or why one cannot be read.

        Whoever is not given is to be removed. Raises OSError where a document cannot be looked for.
        """
        for path in sorted(self.staging.iterdir()):
            if path.suffix != JOURNAL_SUFFIX or is_temporary(path.name):
                continue
            written_at = path.stat().st_mtime
            if time.time() - written_at >= lifetime_seconds:
                continue
            try:
                contents = read_journal(path)
            except (ValueError, OSError) as error:
                yield path, str(error)
            else:
                yield path, self._judged(path, contents, written_at)

    def _judged(self, path: Path, contents: Contents, written_at: float) -> Survivor:
        committed = contents.committed
        if committed is not None:
            if committed.last_lsn <= self.files_lsn:
                return Survivor(contents, True, written_at)
            members, _ = Journal(self.staging, path.stem, contents.size).read()
            return self._stored(contents, members, written_at)
        # It may have been committed without its journal telling. A group that the log names at all is whole,
        # and one of which the first document was followed was followed.
        members = contents.members
        if any(member.staged in self.named for member in members) or any(map(self.is_known, members[:1])):
            return self._stored(contents, members, written_at)
        missing = [member for member in members if not self._is_there(member)]
        return Survivor(contents, False, written_at, missing=missing)

    def _stored(self, contents: Contents, members: list[Member], written_at: float) -> Survivor:
        """Committed. What of its group the log has lost since, as by damage, staging may still have."""
        lost = [
            member
            for member in members
            if member.staged not in self.named and self._is_there(member) and not self.is_known(member)
        ]
        return Survivor(contents, True, written_at, again=lost)

    def _is_there(self, member: Member) -> bool:
        return (self.staging / member.staged).exists()
