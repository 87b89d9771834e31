"""What somebody should see to: elements whose room or retention period nears its end. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from artstore.wire.elements import (
    ElementFigures,
    ElementHealth,
    ElementState,
    ElementStatistics,
    ElementWarning,
    ListedElement,
    Mode,
    RegisteredElement,
)


@dataclass(frozen=True)
class Thresholds:
    room_percent: int
    """Room is low when at most so much of the capacity is left."""
    retention: timedelta
    """A retention period is ending when it ends within this time."""


def warnings_of(element: RegisteredElement, thresholds: Thresholds, now: datetime) -> list[ElementWarning]:
    if element.registration.state is ElementState.RETIRED:
        return [ElementWarning.NOT_EMPTY] if element.documents else []
    warnings = []
    if element.mode in (Mode.EDIT, Mode.RW) and _is_low(element, thresholds.room_percent):
        warnings.append(ElementWarning.ROOM_LOW)
    until = element.registration.retention_until
    if until is not None and until <= now:
        warnings.append(ElementWarning.RETENTION_OVER)
    elif until is not None and until - now <= thresholds.retention:
        warnings.append(ElementWarning.RETENTION_ENDING)
    return warnings


def _is_low(element: RegisteredElement, percent: int) -> bool:
    limit = element.registration.limit_bytes
    capacity, free = element.capacity_bytes, element.free_bytes
    if limit is not None and limit < capacity:
        capacity, free = limit, min(free, limit - element.used_bytes)
    # Of an element that was registered by hand and never heard of, nothing is known.
    return capacity > 0 and free * 100 <= capacity * percent


def listed(element: RegisteredElement, thresholds: Thresholds, now: datetime) -> ListedElement:
    return ListedElement(**dict(element), warnings=warnings_of(element, thresholds, now))


def statistics(elements: Iterable[ListedElement]) -> ElementStatistics:
    total = ElementFigures()
    by_mode = {mode: ElementFigures() for mode in Mode}
    told = ElementStatistics(
        total=total,
        by_mode=by_mode,
        by_health=dict.fromkeys(ElementHealth, 0),
        by_state=dict.fromkeys(ElementState, 0),
        by_warning=dict.fromkeys(ElementWarning, 0),
    )
    for element in elements:
        told.by_state[element.registration.state] += 1
        for warning in element.warnings:
            told.by_warning[warning] += 1
        if element.registration.state is ElementState.RETIRED:
            continue
        told.by_health[element.health] += 1
        for figures in (told.total, told.by_mode[element.mode]):
            figures.elements += 1
            figures.documents += element.documents
            figures.capacity_bytes += element.capacity_bytes
            figures.used_bytes += element.used_bytes
            figures.free_bytes += element.free_bytes
    return told
