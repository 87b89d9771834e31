"""What becomes of something that was not found right: it is looked at again, mended if possible, and told."""

from collections.abc import Callable

from artstore.attributes import FileId, attribute_name, parse
from artstore.engine.errors import EngineError
from artstore.engine.layout import write_description
from artstore.engine.scrub.calls import Calls
from artstore.engine.scrub.checking import Checked, DocumentCheck
from artstore.engine.scrub.findings import ScrubFinding
from artstore.engine.scrub.journal import Journal
from artstore.engine.scrub.parts import Parts
from artstore.engine.scrub.repairing import Repairs
from artstore.engine.verify.rules import Rule

_OF_ATTRIBUTES = {Rule.A001, Rule.A002, Rule.A003, Rule.A004, Rule.A006, Rule.A007, Rule.E005}
"""Damage of an attribute file that a good copy mends."""
_OF_BYTES = {Rule.D001, Rule.D002, Rule.D003, Rule.E005}
"""Damage of a document's bytes that a good copy mends."""
_NOT_SERVED = _OF_BYTES | {Rule.D004}
_OF_DESCRIPTION = {Rule.E001, Rule.E002, Rule.E006}
_MENDS = 2
"""Attributes first, which tell what the bytes must be."""

Mended = tuple[str, str | None]
"""Who had the good copy, and where the damaged one is kept."""


class Judge:
    """Of one pass. ``told`` is called for each finding once, also when the pass was interrupted between."""

    def __init__(
        self,
        parts: Parts,
        journal: Journal,
        repairs: Repairs,
        calls: Calls,
        check: DocumentCheck,
        told: Callable[[ScrubFinding], None],
    ) -> None:
        self._parts = parts
        self._journal = journal
        self._repairs = repairs
        self._calls = calls
        self._check = check
        self._told = told
        self._known = {_key(finding) for finding in journal.current.findings} if journal.current else set()

    def tell(self, finding: ScrubFinding) -> None:
        if _key(finding) in self._known:
            return
        self._known.add(_key(finding))
        self._journal.found(finding)
        self._told(finding)

    async def of_resting(self, rule: Rule, path: str, detail: str) -> None:
        """Something that is not a document. ``element.json`` is known by heart and written anew."""
        if rule not in _OF_DESCRIPTION:
            self.tell(ScrubFinding.of(rule, path, detail))
            return
        try:
            kept = await self._calls.call(self._repairs.keep_own, path)
            await self._calls.call(write_description, self._parts.layout, self._parts.description())
        except (EngineError, OSError):
            self.tell(ScrubFinding.of(rule, path, detail))
        else:
            self.tell(ScrubFinding.of(rule, path, detail, repaired_from="memory", kept_as=kept))

    async def of_document(self, path: str, *, offline: bool) -> bool:
        """A document that was not found right; whether it is now, or is gone."""
        found = await self._look(path, offline=offline)
        for _ in range(_MENDS):
            if found.is_gone or found.sound:
                return True
            before = found
            mended = await self._mend(before, offline=offline)
            found = await self._look(path, offline=offline)
            if mended is None:
                break
            self._tell_mended(before, found, mended)
        for rule, where, detail in found.problems:
            if where == path and rule in _NOT_SERVED and found.attributes is not None:
                self._parts.damage.add(FileId(found.attributes.file_id), detail or rule.title)
            self.tell(ScrubFinding.of(rule, where, detail, file_id=_id_of(found)))
        return found.is_gone or found.sound

    async def of_orphan(self, rule: Rule, path: str) -> None:
        """Bytes without attributes."""
        mended = await self._mend_attributes(path, offline=False, missing=True) if rule is Rule.O001 else None
        there = mended is not None and not (await self._look(path, offline=False)).is_gone
        self.tell(ScrubFinding.of(rule, path, "", repaired_from=mended[0] if mended and there else None))

    async def _look(self, path: str, *, offline: bool) -> Checked:
        found: Checked = await self._calls.call(lambda: self._check.check(path, offline=offline))
        if found.attributes is not None and found.sound:
            self._parts.damage.forget(FileId(found.attributes.file_id))
        return found

    async def _mend(self, found: Checked, *, offline: bool) -> Mended | None:
        for rule, where, _ in found.problems:
            mended = None
            if where == attribute_name(found.path) and rule in _OF_ATTRIBUTES:
                mended = await self._mend_attributes(found.path, offline=offline)
            elif where == found.path and rule in _OF_BYTES and found.attributes is not None:
                mended = await self._mend_bytes(found, offline=offline)
            if mended is not None:
                return mended
        return None

    def _tell_mended(self, before: Checked, after: Checked, mended: Mended) -> None:
        """Of what was wrong before and is right now; the rest is told as it is found in the end."""
        source, kept = mended
        still = {(rule, where) for rule, where, _ in after.problems}
        for rule, where, detail in before.problems:
            if (rule, where) not in still:
                file_id = _id_of(before) or _id_of(after)
                self.tell(
                    ScrubFinding.of(rule, where, detail, file_id=file_id, repaired_from=source, kept_as=kept)
                )

    async def _mend_attributes(self, path: str, *, offline: bool, missing: bool = False) -> Mended | None:
        """``missing``: there are bytes and no attributes. A document that was deleted does not come back."""
        first = await self._repairs.good_attributes(path)
        if first is None:
            return None
        async with self._parts.locks.of(FileId(parse(first[1], at=path).file_id)):
            # Nobody changes it now: what the sources have is the last there was.
            copy = await self._repairs.good_attributes(path) if await self._calls.settled() else None
            found = await self._look(path, offline=offline)
            if copy is None or found.is_gone is not missing or (found.sound and not missing):
                return None
            if missing and not await self._calls.call(self._repairs.has, path):
                return None
            source, data = copy
            try:
                return source.name, await self._repairs.put_attributes(path, data)
            except (EngineError, OSError):
                return None

    async def _mend_bytes(self, found: Checked, *, offline: bool) -> Mended | None:
        assert found.attributes is not None
        async with self._parts.locks.of(FileId(found.attributes.file_id)):
            if not await self._calls.settled():
                return None
            again = await self._look(found.path, offline=offline)
            if again.attributes is None or again.sound or again.is_gone:
                return None
            try:
                put = await self._repairs.put_document(again.attributes)
            except (EngineError, OSError):
                return None
            return None if put is None else (put[0].name, put[1])


def _key(finding: ScrubFinding) -> tuple[str, str, bool]:
    return finding.code, finding.path, finding.open


def _id_of(found: Checked) -> str | None:
    return str(found.attributes.file_id) if found.attributes is not None else None
