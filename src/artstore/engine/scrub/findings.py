"""What a scrub finds wrong, told to whoever raises the alarm."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from artstore.engine.description import ROOT
from artstore.engine.verify.report import printable
from artstore.engine.verify.rules import Rule, Severity

INDEX_ROW = "X001"
"""Of a row of the index whose document the element does not have: not a rule of the format on disk."""


@dataclass(frozen=True, slots=True)
class ScrubFinding:
    """One thing that is wrong in one place, or was until the scrub put it right."""

    code: str
    """Of the rule in FORMAT.md, or ``X001``."""
    severity: Severity
    path: str
    """Relative to the root, ``/``-separated."""
    what: str
    advice: str
    at: datetime
    file_id: str | None = None
    """Of the document, where it is known."""
    repaired_from: str | None = None
    """Where the good copy came from that was put in place; None where there was none: people must act."""
    kept_as: str | None = None
    """Where the damaged one was moved to, relative to the root."""

    @classmethod
    def of(cls, rule: Rule, path: str, detail: object, **more: Any) -> Self:
        what = f"{rule.title}: {printable(str(detail))}" if str(detail) else rule.title
        return cls(rule.code, rule.severity, printable(path), what, rule.advice, _now(), **more)

    @classmethod
    def of_index_row(cls, path: str, file_id: str) -> Self:
        return cls(
            INDEX_ROW,
            Severity.ERROR,
            printable(path),
            "the index has a row of a document that the element does not have",
            "Look for the document in a backup; where it was rightly removed, rebuild the index.",
            _now(),
            file_id,
        )

    @property
    def open(self) -> bool:
        """Whether it is still so."""
        return self.repaired_from is None

    @property
    def folder(self) -> str:
        """As the journal names it."""
        return self.path.rpartition("/")[0] or ROOT

    def to_json_object(self) -> dict[str, Any]:
        members = {**asdict(self), "at": self.at.isoformat().replace("+00:00", "Z")}
        return {name: value for name, value in members.items() if value is not None}

    @classmethod
    def from_json_object(cls, members: dict[str, Any]) -> Self:
        """Raises KeyError, TypeError, ValueError."""
        known = {name: members[name] for name in cls.__dataclass_fields__ if name in members}
        severity, at = Severity(known.pop("severity")), datetime.fromisoformat(known.pop("at"))
        return cls(severity=severity, at=at, **known)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
