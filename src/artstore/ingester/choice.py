"""Which elements may take a document, by what the settings say of placement."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from artstore.ingester.placement import CannotPlace, Needs, Obstacle, Wanted, place
from artstore.ingester.settings import IngesterSettings
from artstore.kernel import tracing
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


class Directory(Protocol):
    """What the Ingester needs of an ElementDirectory."""

    @property
    def is_up_to_date(self) -> bool: ...
    def elements(self) -> list[RegisteredElement]: ...


def fitting(
    directory: Directory, wanted: Wanted, settings: IngesterSettings
) -> tuple[list[RegisteredElement], dict[str, object]]:
    """The elements, the best first, and why: for the log. Raises Problem where there is none."""
    needs = _needs(wanted.mode, settings)
    try:
        found = place(directory.elements(), wanted, needs, settings.placement)
    except CannotPlace as error:
        told: dict[str, object] = {"obstacle": error.obstacle.value, "reason": error.detail}
        _log.warning("no element for an upload", **told)
        tracing.note("no placement", told)
        if error.obstacle is Obstacle.TOO_LARGE and not directory.is_up_to_date:
            detail = (
                "None of the storage elements that are known by now takes such large files; try again later."
            )
            raise Problem(ProblemType.NO_ELEMENT_AVAILABLE, detail) from error
        raise Problem(_PROBLEM_OF[error.obstacle], error.detail) from error
    choice: dict[str, object] = {
        "strategy": settings.placement.value,
        "mode": wanted.mode.value,
        "at_most_bytes": wanted.at_most,
        "fitting": len(found),
    }
    if needs.labels:
        choice["labels"] = dict(needs.labels)
    if needs.kept_until is not None:
        choice["kept_until"] = needs.kept_until.isoformat()
    return found, choice


def _needs(mode: Mode, settings: IngesterSettings) -> Needs:
    """What the settings require of an element; the mode stands for the retention policy."""
    if mode is not Mode.RW:
        return Needs(settings.temporary_labels)
    days = settings.permanent_days
    kept_until = None if days is None else datetime.now(UTC) + timedelta(days=days)
    return Needs(settings.permanent_labels, kept_until)
