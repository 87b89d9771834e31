"""The engine against a dictionary: whatever is done in whatever order, also across restarts."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Coding, CodingPolicy, Engine, Lsn, NotFound, RevisionMismatch, revision_of
from artstore.engine.verify import verify
from tests.support.engines import IN_MEMORY, describe, fetch, options_of, store

T = TypeVar("T")
CONTENT = st.one_of(
    st.binary(min_size=1, max_size=50),
    st.integers(900, 5000).map(lambda size: bytes(range(256)) * (size // 256 + 1)),
)
"""Below and above the inline limit."""


class ElementMachine(RuleBasedStateMachine):
    """``documents`` is what must be there; ``lsn`` counts what was done; ``changes`` is what it was."""

    ids = Bundle("ids")
    gone = Bundle("gone")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=IN_MEMORY))
        self.runner = asyncio.Runner()
        self.documents: dict[FileId, tuple[bytes, FileAttributes]] = {}
        self.changes: list[tuple[FileId, FileAttributes | None]] = []
        self.engine: Engine | None = None

    def run(self, call: Callable[[Engine], Awaitable[T]]) -> T:
        assert self.engine is not None
        engine = self.engine

        async def called() -> T:
            return await call(engine)

        return self.runner.run(called())

    @initialize(lagging=st.booleans(), coding=st.none() | st.sampled_from(Coding))
    def open(self, lagging: bool, coding: Coding | None) -> None:
        options = options_of(
            inline_limit=1000,
            segment_bytes=4000,
            max_backlog_bytes=1 << 30,
            followers=("index",),
            follow_seconds=60.0 if lagging else 0.0,
            close_seconds=0.0 if lagging else 30.0,
            coding=CodingPolicy(coding=coding, min_bytes=10, types=("*/*",)),
        )
        self.engine = self.runner.run(Engine.open(self.folder / "element", options))
        assert self.engine.recovery.findings == []

    @rule(target=ids, content=CONTENT, name=st.sampled_from(["a.txt", "отчёт.pdf", "报告", "x" * 300]))
    def store(self, content: bytes, name: str) -> FileId:
        stored = self.run(lambda engine: store(engine, content, name))
        file_id = FileId(stored.file_id)
        self.documents[file_id] = content, stored
        self.changes.append((file_id, stored))
        return file_id

    @rule(target=ids, contents=st.lists(CONTENT, min_size=2, max_size=8))
    def store_many_at_once(self, contents: list[bytes]) -> object:
        async def all_of_them(engine: Engine) -> list[FileAttributes]:
            return await asyncio.gather(*(store(engine, content) for content in contents))

        stored = self.run(all_of_them)
        for content, attributes in zip(contents, stored, strict=True):
            self.documents[FileId(attributes.file_id)] = content, attributes
        before = Lsn(len(self.changes))
        told = self.run(lambda engine: engine.changes(before, 100))
        assert {change.file_id for change in told} == {attributes.file_id for attributes in stored}
        self.changes += [
            (FileId(found.file_id), found) for found in (change.attributes for change in told) if found
        ]
        return multiple(*(FileId(attributes.file_id) for attributes in stored))

    @rule(content=CONTENT)
    def abort(self, content: bytes) -> None:
        async def aborted(engine: Engine) -> None:
            upload = engine.begin()
            await upload.write(content)
            await upload.abort()

        self.run(aborted)

    @rule(file_id=ids, text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50))
    def update(self, file_id: FileId, text: str) -> None:
        content, before = self.documents[file_id]
        after = self.run(lambda engine: describe(engine, file_id, text, if_revision=revision_of(before)))
        assert after == before.changed(description=text, updated_at=after.updated_at)
        self.documents[file_id] = content, after
        self.changes.append((file_id, after))

    @rule(file_id=ids)
    def update_what_was_changed_meanwhile(self, file_id: FileId) -> None:
        with pytest.raises(RevisionMismatch):
            self.run(lambda engine: describe(engine, file_id, "lost", if_revision="0" * 32))

    @rule(target=gone, file_id=consumes(ids))
    def delete(self, file_id: FileId) -> FileId:
        async def while_reading(engine: Engine) -> bytes:
            async with await engine.open_document(file_id) as document:
                await engine.delete(file_id)
                return await document.read(0, document.size)

        assert self.run(while_reading) == self.documents.pop(file_id)[0]
        self.changes.append((file_id, None))
        return file_id

    @rule(file_id=gone)
    def look_for_what_is_gone(self, file_id: FileId) -> None:
        for call in (Engine.attributes, Engine.open_document, Engine.delete):
            with pytest.raises(NotFound):
                self.run(lambda engine, call=call: call(engine, file_id))  # type: ignore[misc]  # lambda default

    @rule(file_id=ids)
    def read(self, file_id: FileId) -> None:
        content, attributes = self.documents[file_id]
        assert self.run(lambda engine: fetch(engine, file_id)) == content
        assert self.run(lambda engine: engine.attributes(file_id)) == attributes

    @rule()
    def walk(self) -> None:
        async def walked(engine: Engine) -> list[FileAttributes]:
            return [found async for found in engine.scan()]

        found = self.run(walked)
        assert {attributes.file_id: attributes for attributes in found} == {
            file_id: attributes for file_id, (_, attributes) in self.documents.items()
        }
        assert len(found) == len(self.documents)

    @rule()
    def follow(self) -> None:
        assert self.engine is not None
        position = self.engine.status().followers["index"].position
        told = self.run(lambda engine: engine.changes(position, 10_000))
        assert [(change.file_id, change.attributes) for change in told] == self.changes[position:]
        self.engine.acknowledge("index", self.engine.last_lsn)

    @precondition(lambda self: self.engine is not None)
    @rule(lagging=st.booleans(), coding=st.none() | st.sampled_from(Coding))
    def reopen(self, lagging: bool, coding: Coding | None) -> None:
        self.run(lambda engine: engine.close())
        assert not verify(self.folder / "element").damaged
        self.open(lagging, coding)

    @invariant()
    def counts(self) -> None:
        if self.engine is None:
            return
        capacity = self.engine.capacity()
        taken = sum(found.size_on_disk + len(found.to_bytes()) for _, found in self.documents.values())
        assert (capacity.used_bytes, capacity.documents) == (taken, len(self.documents))
        assert capacity.reserved_bytes == 0
        assert self.engine.last_lsn == len(self.changes)

    def teardown(self) -> None:
        if self.engine is not None:
            self.reopen(lagging=False, coding=None)
            self.walk()
            for file_id in self.documents:
                self.read(file_id)
            self.run(lambda engine: engine.close())
            assert [str(finding) for finding in verify(self.folder / "element").findings] == []
        self.runner.close()
        shutil.rmtree(self.folder)


TestElement = ElementMachine.TestCase
TestElement.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
