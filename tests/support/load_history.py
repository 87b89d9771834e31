"""What clients sent to an element and what they were told: it says what must be there after a crash.

An *attempt* is one upload. Its number stands in the document's attributes and gives its bytes, so that whatever
is found in the element is known again, acknowledged or not. What a client was not told the outcome of is
*open*: it may have happened, as a whole, or not at all. Looking at the element settles it, once and for all.
"""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.support.system import form, part


class State(Enum):
    OPEN = auto()
    DONE = auto()
    NEVER = auto()
    """It was refused, broken off, or was not there when somebody looked: it must not appear any more."""


@dataclass
class Change:
    """One update or deletion of a document."""

    text: str | None
    """The description that it sets; None for a deletion."""
    state: State = State.OPEN


@dataclass
class Attempt:
    """One upload, and what became of its document. ``shown`` is the document as the client knows it."""

    number: int
    size: int
    client: int
    state: State = State.OPEN
    shown: dict[str, Any] | None = None
    revision: str | None = None
    """The ETag of ``shown``."""
    stored_as: dict[str, Any] | None = None
    """As the answer to the upload had it; None if that was lost."""
    changes: list[Change] = field(default_factory=list)

    def __str__(self) -> str:
        known = f", {self.shown['file_id']}" if self.shown is not None else ""
        changes = "".join(f", {change.text or 'deletion'}: {change.state.name}" for change in self.changes)
        return f"upload {self.number} of {self.size} bytes ({self.state.name}{known}{changes})"

    @property
    def name(self) -> str:
        return f"отчёт {self.number}.bin"

    @property
    def content(self) -> bytes:
        return random.Random(self.number).randbytes(self.size)

    @property
    def fields(self) -> dict[str, Any]:
        """What the client says about the document beside its bytes."""
        return {
            "description": f"stored by client {self.client}",
            "tags": ["crash", f"client-{self.client}"],
            "custom_attributes": {"number": self.number, "size": self.size, "путь": "a/b"},
            "retention_policy": "temporary",
        }

    @property
    def body(self) -> bytes:
        """The form that carries it."""
        said = self.fields
        return form(
            part("custom_attributes", json.dumps(said["custom_attributes"]).encode()),
            part("description", said["description"].encode()),
            part("retention_policy", said["retention_policy"].encode()),
            part("tags", json.dumps(said["tags"]).encode()),
            part("file", self.content, self.name),
        )

    @property
    def file_id(self) -> str:
        assert self.shown is not None, f"nobody knows the id of {self}"
        return str(self.shown["file_id"])

    @property
    def deletion(self) -> Change | None:
        """The last one: those before it came to nothing."""
        return next((change for change in reversed(self.changes) if change.text is None), None)

    @property
    def is_gone(self) -> bool:
        return self.deletion is not None and self.deletion.state is State.DONE

    @property
    def is_settled(self) -> bool:
        """Whether it is known to be there, in a state that is known."""
        changes = (change.state is not State.OPEN for change in self.changes)
        return self.state is State.DONE and all(changes) and not self.is_gone

    def is_as_sent(self, document: dict[str, Any]) -> bool:
        """Whether a document has everything that the upload said of it, but for what updates change."""
        said = {
            "original_filename": self.name,
            "file_size": self.size,
            "checksum": sha256(self.content).hexdigest(),
            **self.fields,
        }
        del said["description"]
        return {name: document.get(name) for name in said} == said

    def may_be(self, document: dict[str, Any]) -> bool:
        """Whether the document may look like this, by all that is known."""
        if not self.is_as_sent(document):
            return False
        if document == self.shown:
            return True
        text = document["description"]
        if self.shown is None:
            return bool(text == self.fields["description"])
        opened = {change.text for change in self.changes if change.state is State.OPEN}
        same = {**document, "description": self.shown["description"], "updated_at": self.shown["updated_at"]}
        return text in opened and same == self.shown


class History:
    """Of one element, through all its processes. ``write`` adds it to ``path``, for people."""

    def __init__(self, path: Path) -> None:
        self.attempts: dict[int, Attempt] = {}
        self.touched: set[int] = set()
        """Numbers of the attempts that something was done about since somebody looked."""
        self.promised: set[int] = set()
        """Those of them of which something was acknowledged."""
        self.acknowledged = 0
        self._by_id: dict[str, Attempt] = {}
        self._texts = 0
        self._lines: list[str] = []
        self.path = path
        self._began = time.monotonic()

    def write(self) -> None:
        """Adds to the file what was noted since."""
        lines, self._lines = self._lines, []
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def note(self, what: str, **more: object) -> None:
        line = {"at": round(time.monotonic() - self._began, 4), "what": what, **more}
        self._lines.append(json.dumps(line, ensure_ascii=False))

    # What the clients do

    def begin_upload(self, client: int, size: int) -> Attempt:
        attempt = Attempt(len(self.attempts) + 1, size, client)
        self.attempts[attempt.number] = attempt
        self.touched.add(attempt.number)
        self.note("upload", number=attempt.number, size=size)
        return attempt

    def stored(self, attempt: Attempt, document: dict[str, Any], revision: str) -> None:
        assert attempt.may_be(document), f"the answer to {attempt} is {document}"
        attempt.state, attempt.shown, attempt.stored_as = State.DONE, document, document
        attempt.revision = revision
        self._known(attempt)
        self._acknowledge(attempt)
        self.note("stored", number=attempt.number, file_id=attempt.file_id)

    def refused(self, attempt: Attempt, why: str) -> None:
        attempt.state = State.NEVER
        self.note("refused", number=attempt.number, why=why)

    def begin_change(self, attempt: Attempt, *, deletion: bool = False) -> Change:
        self._texts += 1
        change = Change(None if deletion else f"text {self._texts}")
        attempt.changes.append(change)
        self.touched.add(attempt.number)
        self.note("delete" if deletion else "update", number=attempt.number, text=change.text)
        return change

    def updated(self, attempt: Attempt, change: Change, document: dict[str, Any], revision: str) -> None:
        assert document["description"] == change.text, f"{document} after an update to {change.text!r}"
        assert attempt.may_be(document), f"the answer to an update of {attempt} is {document}"
        attempt.shown, attempt.revision, change.state = document, revision, State.DONE
        self._acknowledge(attempt)
        self.note("updated", number=attempt.number, text=change.text)

    def deleted(self, attempt: Attempt, change: Change) -> None:
        change.state = State.DONE
        self._acknowledge(attempt)
        self.note("deleted", number=attempt.number)

    def change_refused(self, attempt: Attempt, change: Change, why: str) -> None:
        change.state = State.NEVER
        self.note("change refused", number=attempt.number, text=change.text, why=why)

    # What is known

    def there(self) -> Iterator[Attempt]:
        """The documents that must be there. Asked when nothing is open."""
        for attempt in self.attempts.values():
            if attempt.state is State.DONE and not attempt.is_gone:
                yield attempt

    def with_id(self, file_id: str) -> Attempt | None:
        return self._by_id.get(file_id)

    def of_document(self, document: dict[str, Any]) -> Attempt:
        """The attempt that a document is of."""
        attempt = self.attempts.get(document["custom_attributes"].get("number"))
        assert attempt is not None, f"nobody ever sent {document}"
        return attempt

    # What looking at the element says

    def found(self, document: dict[str, Any]) -> Attempt:
        """A document is there, in this state."""
        attempt = self.of_document(document)
        assert attempt.state is not State.NEVER, f"{attempt} was not stored, and there is {document}"
        assert attempt.may_be(document), f"{attempt} is {document}"
        assert not attempt.is_gone, f"{attempt} was deleted and is back"
        known = attempt.shown is not None
        assert not known or attempt.file_id == document["file_id"], f"{attempt} is there twice"
        if document != attempt.shown:
            attempt.shown, attempt.revision = document, None
        attempt.state = State.DONE
        self._known(attempt)
        for change in attempt.changes:
            if change.state is State.OPEN:
                change.state = State.DONE if change.text == document["description"] else State.NEVER
        return attempt

    def found_gone(self, file_id: str) -> Attempt:
        """A document was deleted."""
        attempt = self._by_id.get(file_id)
        assert attempt is not None, f"the document {file_id} was deleted, and nobody ever had its id"
        deletion = attempt.deletion
        assert deletion is not None, f"{attempt} is gone, and nobody deleted it"
        assert deletion.state is not State.NEVER, f"{attempt} is gone, and its deletion was refused"
        deletion.state = State.DONE
        return attempt

    def looked(self) -> None:
        """Whatever was found was told: nothing else happened, or ever will."""
        for number in self.touched:
            attempt = self.attempts[number]
            uncertain: list[Attempt | Change] = [attempt, *attempt.changes]
            for each in uncertain:
                if each.state is State.OPEN:
                    each.state = State.NEVER
        self.touched.clear()
        self.promised.clear()

    def _acknowledge(self, attempt: Attempt) -> None:
        self.acknowledged += 1
        self.promised.add(attempt.number)

    def _known(self, attempt: Attempt) -> None:
        known = self._by_id.setdefault(attempt.file_id, attempt)
        assert known is attempt, f"{known} and {attempt} have the same id"
