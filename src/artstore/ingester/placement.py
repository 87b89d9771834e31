"""Chooses the element for a document. Pure: what is known of the elements goes in, their order comes out.

Elements are filled in order: the first by priority, then by id, that fits takes the document. That keeps the
documents of one time together, so that full elements can be turned read-only and moved one by one. What the
registry says of an element counts: one that is drained or retired takes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from artstore.attributes import RetentionPolicy
from artstore.wire.elements import CapacityStatus, ElementHealth, ElementState, Mode, RegisteredElement


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a document needs. Its size is only bounded until it has arrived: a form holds more than the file.

    ``at_most`` is None when the client did not say how much it sends.
    """

    mode: Mode
    at_least: int = 1
    at_most: int | None = None


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


def place(elements: Iterable[RegisteredElement], wanted: Wanted) -> list[RegisteredElement]:
    """The elements that can take the document, the best first; never empty. Raises `CannotPlace`."""
    of_mode = [element for element in elements if element.mode is wanted.mode and is_active(element)]
    if not of_mode:
        raise CannotPlace(
            Obstacle.NONE_AVAILABLE,
            f"No storage element of mode '{wanted.mode}' takes documents now; try again later.",
        )
    if not (taking := [element for element in of_mode if largest_file(element) >= wanted.at_least]):
        limit = max(largest_file(element) for element in of_mode)
        raise CannotPlace(
            Obstacle.TOO_LARGE, f"The largest file that a storage element takes has {limit} bytes."
        )
    if not (present := [element for element in taking if element.health is not ElementHealth.AWAY]):
        raise CannotPlace(
            Obstacle.NONE_AVAILABLE,
            f"All storage elements of mode '{wanted.mode}' are away; try again later.",
        )
    needed = wanted.at_most or wanted.at_least
    open_ones = [element for element in present if element.capacity_status is not CapacityStatus.FULL]
    if not open_ones:
        raise CannotPlace(Obstacle.NO_ROOM, f"All storage elements of mode '{wanted.mode}' are full.")
    if not (fitting := [element for element in open_ones if room(element) >= needed]):
        most = max(room(element) for element in open_ones)
        raise CannotPlace(
            Obstacle.NO_ROOM, f"The upload needs {needed} bytes; the most that an element has left is {most}."
        )
    return sorted(fitting, key=lambda element: (element.registration.priority, element.element_id))


def is_active(element: RegisteredElement) -> bool:
    return element.registration.state is ElementState.ACTIVE


def room(element: RegisteredElement) -> int:
    """What a new document can take there: what the element has left, within the limit of the registry."""
    limit = element.registration.limit_bytes
    return element.free_bytes if limit is None else min(element.free_bytes, limit - element.used_bytes)


def largest_file(element: RegisteredElement) -> int:
    limit = element.registration.limit_file_bytes
    return element.max_file_bytes if limit is None else min(element.max_file_bytes, limit)
