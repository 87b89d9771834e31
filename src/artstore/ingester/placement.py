"""Chooses the element for a document. Pure: what is known of the elements goes in, their order comes out.

Elements are filled in order: the first by priority, then by id, that fits takes the document. That keeps the
documents of one time together, so that full elements can be turned read-only and moved one by one. Or the one
with the most free room takes it, which spreads the load. What the registry says of an element counts: one
that is drained or retired takes nothing, and labels and a period may be required of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum

from artstore.attributes import RetentionPolicy
from artstore.wire.elements import (
    CapacityStatus,
    ElementHealth,
    ElementState,
    Mode,
    RegisteredElement,
    Registration,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a document needs. Its size is only bounded until it has arrived: a form holds more than the file.

    ``at_most`` is None when the client did not say how much it sends.
    """

    mode: Mode
    at_least: int = 1
    at_most: int | None = None


class Strategy(StrEnum):
    """Which of the elements that fit is the best."""

    PRIORITY = "priority"
    """The first by priority, then by id."""
    FREE_ROOM = "free_room"
    """The one with the most free bytes."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the registry must say of an element."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """With these values; it may have others beside them."""
    kept_until: datetime | None = None
    """Its documents are to be kept until then at least."""


class Obstacle(Enum):
    """Why no element can take a document."""

    NONE_AVAILABLE = "none_available"
    """There is no element of the mode, or all are away: trying again later may help."""
    TOO_LARGE = "too_large"
    """No element of the mode takes files of this size, and time will not change that."""
    NO_ROOM = "no_room"
    """Elements are there, but none has room for it."""


class CannotPlace(Exception):
    """No element can take the document. The text is a sentence for the client."""

    def __init__(self, obstacle: Obstacle, detail: str) -> None:
        super().__init__(detail)
        self.obstacle = obstacle
        self.detail = detail


def mode_for(retention_policy: RetentionPolicy) -> Mode:
    """Where documents of a retention policy are kept: what is temporary must be deletable."""
    return Mode.EDIT if retention_policy is RetentionPolicy.TEMPORARY else Mode.RW


_NO_NEEDS = Needs()
_LARGEST = 2**63 - 1
# Looked up once: a member of an enumeration costs more than all the rest of a comparison.
_ACTIVE, _AWAY, _FULL = ElementState.ACTIVE, ElementHealth.AWAY, CapacityStatus.FULL


def place(
    elements: Collection[RegisteredElement],
    wanted: Wanted,
    needs: Needs = _NO_NEEDS,
    strategy: Strategy = Strategy.PRIORITY,
) -> list[RegisteredElement]:
    """The elements that can take the document, the best first; never empty. Raises `CannotPlace`."""
    mode, at_least, needed = wanted.mode, wanted.at_least, wanted.at_most or wanted.at_least
    easy = needs == _NO_NEEDS
    fitting = [
        element
        for element in elements
        if element.mode is mode
        and element.free_bytes >= needed
        and element.max_file_bytes >= at_least
        and element.health is not _AWAY
        and element.capacity_status is not _FULL
        and _lets(element.registration, element, needed, at_least)
        and (easy or _meets(element.registration, needs))
    ]
    if not fitting:
        raise _why_none(elements, wanted, needs)
    if len(fitting) > 1:
        fitting.sort(key=_by_room if strategy is Strategy.FREE_ROOM else _by_priority)
    return fitting


def _lets(registration: Registration, element: RegisteredElement, needed: int, at_least: int) -> bool:
    """Whether the registry lets it take the document, beside what the element says itself."""
    limit = registration.limit_bytes
    limit_file = registration.limit_file_bytes
    return (
        registration.state is _ACTIVE
        and (limit is None or limit - element.used_bytes >= needed)
        and (limit_file is None or limit_file >= at_least)
    )


def _by_priority(element: RegisteredElement) -> tuple[int, str]:
    return element.registration.priority, element.element_id


def _by_room(element: RegisteredElement) -> tuple[int, str]:
    return -room(element), element.element_id


def _why_none(elements: Collection[RegisteredElement], wanted: Wanted, needs: Needs) -> CannotPlace:
    """What stands in the way, told for those elements that nothing else keeps from taking the document."""
    mode = wanted.mode
    left = [element for element in elements if element.mode is mode and is_active(element)]
    if not left:
        detail = f"No storage element of mode '{mode}' takes documents now; try again later."
        return CannotPlace(Obstacle.NONE_AVAILABLE, detail)
    suitable = [element for element in left if _meets(element.registration, needs)]
    if not suitable:
        detail = f"No storage element of mode '{mode}' has {_told(needs)}, as required here; try again later."
        return CannotPlace(Obstacle.NONE_AVAILABLE, detail)
    left = [element for element in suitable if largest_file(element) >= wanted.at_least]
    if not left:
        limit = max(largest_file(element) for element in suitable)
        detail = f"The largest file that a storage element takes has {limit} bytes."
        return CannotPlace(Obstacle.TOO_LARGE, detail)
    left = [element for element in left if element.health is not ElementHealth.AWAY]
    if not left:
        detail = f"All storage elements of mode '{mode}' are away; try again later."
        return CannotPlace(Obstacle.NONE_AVAILABLE, detail)
    left = [element for element in left if element.capacity_status is not CapacityStatus.FULL]
    if not left:
        return CannotPlace(Obstacle.NO_ROOM, f"All storage elements of mode '{mode}' are full.")
    most, needed = max(map(room, left)), wanted.at_most or wanted.at_least
    detail = f"The upload needs {needed} bytes; the most that an element has left is {most}."
    return CannotPlace(Obstacle.NO_ROOM, detail)


def _meets(registration: Registration, needs: Needs) -> bool:
    labels = registration.labels
    for name, value in needs.labels.items():
        if labels.get(name) != value:
            return False
    until = registration.retention_until
    return needs.kept_until is None or (until is not None and until >= needs.kept_until)


def _told(needs: Needs) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(needs.labels.items()))
    kept = "" if needs.kept_until is None else f"a retention period until {needs.kept_until:%Y-%m-%d}"
    return " and ".join(filter(None, (labels and f"the labels {labels}", kept)))


def is_active(element: RegisteredElement) -> bool:
    return element.registration.state is _ACTIVE


def room(element: RegisteredElement) -> int:
    """What a new document can take there: what the element has left, within the limit of the registry."""
    limit = element.registration.limit_bytes
    return element.free_bytes if limit is None else min(element.free_bytes, limit - element.used_bytes)


def largest_file(element: RegisteredElement) -> int:
    """Of one that was registered by hand and never heard of, only a limit of the registry is known."""
    largest = element.max_file_bytes or _LARGEST
    limit = element.registration.limit_file_bytes
    return largest if limit is None else min(largest, limit)
