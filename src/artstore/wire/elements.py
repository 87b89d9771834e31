"""How an element announces itself, and how the registry lists it."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from artstore.attributes.schema import Time

ELEMENTS_KEY = "artstore:elements"
"""A Redis set of the ids of all elements that ever announced themselves."""
ELEMENTS_CHANNEL = "artstore:elements:changes"
"""A Redis channel that carries an ElementAnnouncement whenever one changes."""
ANNOUNCE_EVERY_SECONDS = 5.0
ANNOUNCEMENT_EXPIRES_SECONDS = 15


def announcement_key(element_id: str) -> str:
    """The Redis key of an element's announcement; it expires, so that a dead element goes away by itself."""
    return f"artstore:elements:{element_id}"


class Mode(StrEnum):
    EDIT = "edit"
    RW = "rw"
    RO = "ro"
    AR = "ar"


class ElementHealth(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    """Documents are served and taken, but something that follows (index, events) is behind or away, or
    something that the element keeps is damaged."""
    AWAY = "away"
    """Said by a reader, never announced: no announcement came in time."""


class CapacityStatus(StrEnum):
    """How far the room of an element is used up, by the thresholds in its settings."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    FULL = "full"
    """New documents are better placed elsewhere, even where a small one would still fit."""


ClientUrl = Annotated[str, Field(pattern=r"^(https?://[!-~]{1,1990})?$")]
"""Of printable ASCII characters alone, for clients are sent there by a header."""


class ElementAnnouncement(BaseModel):
    """The state of an element, as it tells it every few seconds. Sizes are bytes."""

    element_id: str
    url: str
    client_url: ClientUrl = ""
    """Where clients fetch documents from the element itself; empty where they cannot."""
    mode: Mode
    capacity_bytes: int
    used_bytes: int
    free_bytes: int
    """What a new document can still take: room of the element and of its disk, less reservations."""
    capacity_status: CapacityStatus = CapacityStatus.OK
    """An element that does not tell it is taken to have room, as far as ``free_bytes`` goes."""
    documents: int
    last_lsn: int
    health: ElementHealth
    open_findings: int = 0
    """What checking found wrong and nobody has put right: see the element's ``/api/v1/scrub``."""
    max_file_bytes: int
    started_at: datetime
    announced_at: datetime


class ElementState(StrEnum):
    """What Admin decided about an element, whatever its mode is."""

    ACTIVE = "active"
    DRAINING = "draining"
    """It takes no new documents; everything else goes on. Those that it has may be moved elsewhere."""
    RETIRED = "retired"
    """It is to be switched off, and takes no new documents."""


class Registration(BaseModel):
    """What the registry says of an element, beside what the element says of itself."""

    state: ElementState = ElementState.ACTIVE
    priority: int = 100
    """Elements with a smaller number are filled first; of those with the same, the first by id."""
    limit_bytes: int | None = None
    """New documents go there only while fewer bytes are used; None: as far as there is room."""
    limit_file_bytes: int | None = None
    """The largest document that is placed there; None: what the element takes."""
    retention_until: datetime | None = None
    """Until when the documents of the element are to be kept."""
    labels: dict[str, str] = {}
    moves_to: str | None = None
    """The element that its documents are moved to, while it is drained."""
    revision: int = 0
    """Grows with each change."""


class RegisteredElement(ElementAnnouncement):
    """An element as it announced itself last, with what the registry says of it."""

    registration: Registration = Registration()

    @property
    def may_have_documents(self) -> bool:
        """Not one that is switched off for good, nor one that was registered by hand and never heard of."""
        is_retired = self.registration.state is ElementState.RETIRED
        was_heard_of = self.max_file_bytes > 0
        return self.health is not ElementHealth.AWAY or (was_heard_of and not is_retired)


REGISTRY_KEY = "artstore:registry"
"""A Redis hash of the Registration of each element by its id; there as soon as Admin has written it."""
REGISTRY_CHANNEL = "artstore:registry:changes"
"""A Redis channel that says (with nothing in it) that a registration changed."""


class ElementWarning(StrEnum):
    """What somebody should see to."""

    ROOM_LOW = "room_low"
    """Little room is left for new documents."""
    RETENTION_ENDING = "retention_ending"
    """The documents are to be kept for a short time only; decide what becomes of them."""
    RETENTION_OVER = "retention_over"
    NOT_EMPTY = "not_empty"
    """It is retired and has documents."""


class ListedElement(RegisteredElement):
    """An element in the answers of Admin."""

    warnings: list[ElementWarning] = []


class ElementPage(BaseModel):
    items: list[ListedElement]
    next_cursor: str | None = None


_MOST_BYTES = 2**53 - 1
"""Beyond it a number is another one to readers of JSON that know floating point only."""
_Bytes = Annotated[int, Field(ge=0, le=_MOST_BYTES)]
_LABELS = 32
_LABELS_BYTES = 8 * 1024
_Label = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$")
]
_LabelValue = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")]


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    if len(json.dumps(labels, ensure_ascii=False).encode()) > _LABELS_BYTES:
        raise ValueError(f"all labels together must be at most {_LABELS_BYTES} bytes as JSON")
    return labels


_Labels = Annotated[
    dict[_Label, _LabelValue],
    Field(max_length=_LABELS, description=f"At most {_LABELS_BYTES} bytes, all together as JSON"),
    AfterValidator(_check_labels),
]
"""Bounded together, for an entry of the audit trail has to hold the old and the new."""
ElementId = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class RegistrationChange(BaseModel):
    """What is to be changed; what is left out stays. Null takes a limit, the period or all labels away."""

    model_config = ConfigDict(extra="forbid")

    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    limit_bytes: _Bytes | None = None
    limit_file_bytes: Annotated[int, Field(ge=1, le=_MOST_BYTES)] | None = None
    retention_until: Time | None = None
    labels: _Labels | None = None


class NewElement(RegistrationChange):
    """An element to register: by its address alone, where it is asked for the rest; or all of it by hand.

    It is listed as away until it announces itself.
    """

    url: Annotated[str, Field(min_length=8, max_length=2000)]
    element_id: ElementId | None = None
    """With it the element is not asked."""
    mode: Mode | None = None
    capacity_bytes: _Bytes | None = None


class Draining(BaseModel):
    model_config = ConfigDict(extra="forbid")

    moves_to: ElementId | None = None
    """Move its documents there, one by one. None: what is there stays."""


class Retirement(BaseModel):
    model_config = ConfigDict(extra="forbid")

    confirm: bool = False
    """Retire it although it has documents, or is away so that nobody knows."""


class ElementFigures(BaseModel):
    """Sums over elements. Sizes are bytes."""

    elements: int = 0
    documents: int = 0
    capacity_bytes: int = 0
    used_bytes: int = 0
    free_bytes: int = 0


class ElementStatistics(BaseModel):
    """Of all elements that are not retired."""

    total: ElementFigures
    by_mode: dict[Mode, ElementFigures]
    by_health: dict[ElementHealth, int]
    by_state: dict[ElementState, int]
    """Of all elements, the retired ones included."""
    by_warning: dict[ElementWarning, int]
