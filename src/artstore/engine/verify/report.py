"""What a verification found."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from artstore.engine.verify.rules import Rule, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule in one place. Everything is printable on one line, whatever lies on disk."""

    rule: Rule
    path: str
    """Relative to the root, ``/``-separated; ``.`` for the root itself."""
    detail: str
    """What was expected and what was found; may be empty where the rule says it all."""

    @property
    def code(self) -> str:
        return self.rule.code

    @property
    def severity(self) -> Severity:
        return self.rule.severity

    @property
    def what(self) -> str:
        """A sentence on what is wrong."""
        return f"{self.rule.title}: {self.detail}" if self.detail else self.rule.title

    @property
    def advice(self) -> str:
        """What to do."""
        return self.rule.advice

    def __str__(self) -> str:
        return f"{self.code} {self.severity} {self.path}: {self.what}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification is. The totals are those of the checkpoint, where there is one: an estimate."""

    documents: int
    bytes: int
    total_documents: int | None
    total_bytes: int | None


Notify = Callable[[Progress], None]


@dataclass(slots=True)
class Report:
    """The outcome. ``documents`` and ``bytes`` count what is in ``files/`` and what only the log has yet."""

    root: Path
    findings: list[Finding] = field(default_factory=list)
    documents: int = 0
    bytes: int = 0
    """Of the documents as they lie on disk, without their attributes."""
    pending: int = 0
    """Records of the log that are durable and not yet in ``files/``."""
    store: dict[str, str] | None = None
    """Where documents lie that were not checked, for they are not in the root; as ``element.json`` says."""

    @property
    def clean(self) -> bool:
        """Whether no rule is broken."""
        return not self.findings

    @property
    def damaged(self) -> bool:
        """Whether something is lost, wrong or ambiguous: more than an interruption leaves behind."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def add(self, rule: Rule, path: str, detail: object = "") -> None:
        self.findings.append(Finding(rule, printable(path), printable(str(detail))))


def printable(text: str) -> str:
    """The text on one line of valid UTF-8: names on disk may be anything but ``/`` and NUL."""
    valid = os.fsencode(text) if _from_disk(text) else text.encode("utf-8", "backslashreplace")
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in valid.decode("utf-8", "backslashreplace")
    )


def _from_disk(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
