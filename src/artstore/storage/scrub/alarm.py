"""What is known to be wrong with the element: told once in the log of the service, and for as long as it is
so in metrics, health and announcement.
"""

from collections import Counter

from artstore.attributes import FileId
from artstore.engine import Engine
from artstore.engine.scrub import Scrub, ScrubFinding, Severity
from artstore.kernel.logging import get_logger
from artstore.storage.metrics import SCRUB_FINDINGS

_log = get_logger(__name__)


def tell(finding: ScrubFinding) -> None:
    """For the scrub, which calls it once for each finding of a pass."""
    SCRUB_FINDINGS.labels(finding.code, "no" if finding.open else "yes").inc()
    say = _log.error if finding.open and finding.severity is Severity.ERROR else _log.warning
    said = "the scrub found something wrong" if finding.open else "the scrub put something right"
    say(said, **finding.to_json_object())


class Alarm:
    """Of one open element. Cheap to ask."""

    def __init__(self, engine: Engine, scrub: Scrub) -> None:
        self._engine = engine
        self._scrub = scrub
        known = self.open_findings()
        if known:
            counted = dict(Counter(finding.code for finding in known))
            _log.error("findings of the scrub are open from before", findings=counted)
        engine.damage.told = self._tell_damage

    @property
    def damaged_documents(self) -> int:
        """That are not served."""
        return len(self._engine.damage)

    def open_findings(self) -> tuple[ScrubFinding, ...]:
        return self._scrub.open_findings()

    def reason(self) -> str | None:
        """Why the element is not well, without names of documents, for anybody may ask; None while it is."""
        errors = [finding for finding in self.open_findings() if finding.severity is Severity.ERROR]
        damaged = self.damaged_documents
        if not errors and not damaged:
            return None
        codes = ", ".join(sorted({finding.code for finding in errors}))
        found = f"the scrub found {_count(len(errors), 'error')} ({codes})" if errors else ""
        served = f"{_count(damaged, 'document')} cannot be served, being damaged" if damaged else ""
        return f"{'; '.join(filter(None, (found, served)))}: see GET /api/v1/scrub"

    def _tell_damage(self, file_id: FileId, reason: str) -> None:
        _log.error("a document is damaged and not served any more", file_id=str(file_id), reason=reason)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
