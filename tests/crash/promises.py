"""What an engine promised before it was killed, and whether the element keeps it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from artstore.attributes import FileAttributes, FileId
from artstore.engine import ChangeKind, Engine, FindingKind, Lsn, NotFound
from artstore.engine.verify import verify
from tests.crash.engine_child import FOLLOWER, content_of, options
from tests.support.engines import fetch


@dataclass
class Promised:
    """One document that was acknowledged. ``texts``: descriptions that it may have now."""

    number: int
    texts: set[str | None] = field(default_factory=lambda: {None})
    deleting: bool = False
    deleted: bool = False


class Promises:
    """Gathers the lines of one process after another that worked on the same root."""

    def __init__(self) -> None:
        self.documents: dict[UUID, Promised] = {}
        self.followed: dict[int, tuple[str, str]] = {}
        self.lines = 0

    def hear(self, line: str) -> None:
        told = json.loads(line)
        self.lines += 1
        if told["did"] == "followed":
            heard = told["kind"], told["id"]
            assert self.followed.setdefault(told["lsn"], heard) == heard, "an LSN was given to two changes"
            return
        if told["did"] == "opened":
            # A kill in the middle of writing a batch tears it; nobody was told of what was in it.
            assert set(told["findings"]) <= {FindingKind.TORN_TAIL}
            return
        file_id = UUID(told["id"])
        match told["did"]:
            case "put":
                self.documents[file_id] = Promised(told["number"])
            case "updating":
                self.documents[file_id].texts.add(told["text"])
            case "updated":
                self.documents[file_id].texts = {told["text"]}
            case "deleting":
                self.documents[file_id].deleting = True
            case "deleted":
                self.documents[file_id].deleted = True

    def hear_all(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.hear(line)

    async def check(self, root: Path, allowed: frozenset[FindingKind] = frozenset()) -> None:
        """Opens the element as a restart would and compares. Closes it, verifies it offline, closes the book:
        what was unknown is known from here on. ``allowed``: what recovery may find."""
        engine = await Engine.open(root, options())
        try:
            findings = engine.recovery.findings
            assert {finding.kind for finding in findings} <= allowed, findings
            await self._check_documents(engine)
            await self._check_whole(engine)
            await self._check_changes(engine)
        finally:
            await engine.close()
        if not engine.recovery.findings:
            assert [str(finding) for finding in verify(root).findings] == []

    async def _check_documents(self, engine: Engine) -> None:
        for file_id, promised in list(self.documents.items()):
            try:
                found = await engine.attributes(FileId(file_id))
            except NotFound:
                assert promised.deleting, f"document {file_id} was acknowledged and is gone"
                del self.documents[file_id]
                continue
            assert not promised.deleted, f"document {file_id} was deleted and is back"
            assert found.description in promised.texts, f"an update of {file_id} is lost"
            assert found.custom_attributes["number"] == promised.number
            promised.texts, promised.deleting = {found.description}, False

    async def _check_whole(self, engine: Engine) -> None:
        """Nothing is half-visible: whatever is found is whole, promised or not."""
        used, documents = 0, 0
        async for found in engine.scan():
            await _check_content(engine, found, found.custom_attributes["number"])
            used += found.size_on_disk + len(found.to_bytes())
            documents += 1
            self.documents.setdefault(found.file_id, Promised(found.custom_attributes["number"]))
            self.documents[found.file_id].texts = {found.description}
        capacity = engine.capacity()
        assert (capacity.used_bytes, capacity.documents) == (used, documents)
        assert documents == len(self.documents)

    async def _check_changes(self, engine: Engine) -> None:
        """Every change is told exactly once, in a row without holes, and the row ends in what is there."""
        position = engine.status().followers[FOLLOWER].position
        assert position <= max(self.followed, default=0)
        for change in await engine.changes(position, 1_000_000):
            self.hear(
                json.dumps(
                    {
                        "did": "followed",
                        "lsn": change.lsn,
                        "kind": change.kind.name,
                        "id": str(change.file_id),
                    }
                )
            )
        holes = {
            lsn
            for finding in engine.recovery.findings
            if finding.first_lsn is not None and finding.last_lsn is not None
            for lsn in range(finding.first_lsn, finding.last_lsn + 1)
        }
        assert sorted({*self.followed, *holes}) == list(range(1, engine.last_lsn + 1))
        there: set[str] = set()
        for lsn in sorted(self.followed):
            kind, file_id = self.followed[lsn]
            if kind == ChangeKind.PUT.name:
                assert file_id not in there
                there.add(file_id)
            else:
                assert file_id in there
            if kind == ChangeKind.DELETE.name:
                there.remove(file_id)
        assert there == {str(file_id) for file_id in self.documents}
        engine.acknowledge(FOLLOWER, Lsn(engine.last_lsn))


async def _check_content(engine: Engine, found: FileAttributes, number: int) -> None:
    content = content_of(number)
    assert found.checksum == hashlib.sha256(content).hexdigest()
    if await fetch(engine, found.file_id) != content:
        pytest.fail(f"document {found.file_id} has other bytes than were stored")
