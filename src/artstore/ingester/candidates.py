"""The elements that may take a document now, by what is known of them and what the settings require."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from artstore.ingester.placement import CannotPlace, Needs, Obstacle, Wanted, place
from artstore.ingester.settings import IngesterSettings
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.wire.elements import Mode, RegisteredElement
from artstore.wire.problems import ProblemType

_log = get_logger(__name__)

_PROBLEM_OF = {
    Obstacle.NONE_AVAILABLE: ProblemType.NO_ELEMENT_AVAILABLE,
    Obstacle.TOO_LARGE: ProblemType.FILE_TOO_LARGE,
    Obstacle.NO_ROOM: ProblemType.INSUFFICIENT_STORAGE,
}


@dataclass(frozen=True, slots=True)
class Candidates:
    """``elements`` gives them as they are known at the moment."""

    elements: Callable[[], list[RegisteredElement]]
    settings: IngesterSettings

    def known(self, element_id: str) -> RegisteredElement | None:
        return next((element for element in self.elements() if element.element_id == element_id), None)

    def fitting(self, wanted: Wanted) -> tuple[list[RegisteredElement], dict[str, object]]:
        """Those that can take the document, the best first, and why: for the log.

        Raises Problem where there are none.
        """
        needs = self._needs(wanted.mode)
        try:
            fitting = place(self.elements(), wanted, needs, self.settings.placement)
        except CannotPlace as error:
            _log.warning("no element for an upload", obstacle=error.obstacle.value, reason=error.detail)
            raise Problem(_PROBLEM_OF[error.obstacle], error.detail) from error
        choice: dict[str, object] = {
            "strategy": self.settings.placement.value,
            "mode": wanted.mode.value,
            "at_most_bytes": wanted.at_most,
            "fitting": len(fitting),
        }
        if needs.labels:
            choice["labels"] = dict(needs.labels)
        if needs.kept_until is not None:
            choice["kept_until"] = needs.kept_until.isoformat()
        return fitting, choice

    def _needs(self, mode: Mode) -> Needs:
        """What the settings require of an element; the mode stands for the retention policy."""
        if mode is not Mode.RW:
            return Needs(self.settings.temporary_labels)
        days = self.settings.permanent_days
        kept_until = None if days is None else datetime.now(UTC) + timedelta(days=days)
        return Needs(self.settings.permanent_labels, kept_until)
