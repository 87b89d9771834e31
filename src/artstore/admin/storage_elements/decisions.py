"""What somebody wants of an element: register it, change what the registry says, drain it, retire it.

Each is one transaction, in which the row of the element is locked and the audit trail is told.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from artstore.admin import audit
from artstore.admin.storage_elements import repository
from artstore.admin.storage_elements.discovery import Discovery, checked_url
from artstore.kernel.database import Database, WriteConnection
from artstore.kernel.problems import Problem
from artstore.wire.elements import (
    Draining,
    ElementAnnouncement,
    ElementHealth,
    ElementState,
    Mode,
    NewElement,
    RegisteredElement,
    Registration,
    RegistrationChange,
)
from artstore.wire.problems import ProblemType

_DECIDED_BY_CHANGE = set(RegistrationChange.model_fields)


class Decisions:
    """``published`` is called after each change, so that those who follow the registry learn of it."""

    def __init__(self, database: Database, discovery: Discovery, published: Callable[[], None]) -> None:
        self._database = database
        self._discovery = discovery
        self._published = published

    async def register(self, wanted: NewElement, actor: audit.Actor) -> tuple[RegisteredElement, bool]:
        """The element, and whether it was unknown. One that is known at this address gets the wanted changes.

        Raises Problem CONFLICT where it is known otherwise, INVALID_PARAMETER, ELEMENT_UNAVAILABLE.
        """
        if wanted.element_id is not None:
            found = _by_hand(wanted)
        elif wanted.mode is not None or wanted.capacity_bytes is not None:
            raise Problem(
                ProblemType.INVALID_PARAMETER,
                "An element that is asked says this itself; give its id to register it by hand.",
                field="element_id",
            )
        else:
            found = _as_answered(await self._discovery.ask(wanted.url), checked_url(wanted.url))
        element = RegisteredElement(**dict(found), registration=_changed(Registration(), wanted))
        async with self._database.write() as connection:
            is_new = await repository.add(connection, element)
            if is_new:
                await audit.append(connection, _registered(element, actor))
            else:
                element = await self._known_again(connection, element, wanted, actor)
        self._published()
        return element, is_new

    async def _known_again(
        self,
        connection: WriteConnection,
        element: RegisteredElement,
        wanted: NewElement,
        actor: audit.Actor,
    ) -> RegisteredElement:
        known = await _to_change(connection, element.element_id)
        if wanted.element_id is not None or known.url != element.url:
            raise Problem(
                ProblemType.CONFLICT,
                f"The element {known.element_id!r} is registered already, with the address {known.url}.",
            )
        return await _decide(connection, known, _changed(known.registration, wanted), actor)

    async def change(
        self, element_id: str, wanted: RegistrationChange, actor: audit.Actor
    ) -> RegisteredElement:
        """Raises Problem NOT_FOUND."""
        async with self._database.write() as connection:
            known = await _to_change(connection, element_id)
            element = await _decide(connection, known, _changed(known.registration, wanted), actor)
        self._published()
        return element

    async def drain(self, element_id: str, wanted: Draining, actor: audit.Actor) -> RegisteredElement:
        """It takes no new documents. Raises Problem NOT_FOUND, CONFLICT for one that is retired, CONFLICT,
        NOT_MOVABLE and INVALID_PARAMETER where its documents cannot be moved as is wanted.
        """
        async with self._database.write() as connection:
            known = await _to_change(connection, element_id)
            if known.registration.state is ElementState.RETIRED:
                raise Problem(ProblemType.CONFLICT, "The element is retired; activate it first.")
            if wanted.moves_to is not None:
                _refuse_to_move(known, await repository.element_by_id(connection, wanted.moves_to))
            decided = _with_state(known, ElementState.DRAINING).model_copy(
                update={"moves_to": wanted.moves_to}
            )
            element = await _decide(connection, known, decided, actor)
        self._published()
        return element

    async def activate(self, element_id: str, actor: audit.Actor) -> RegisteredElement:
        """It takes documents again. Raises Problem NOT_FOUND."""
        async with self._database.write() as connection:
            known = await _to_change(connection, element_id)
            element = await _decide(connection, known, _with_state(known, ElementState.ACTIVE), actor)
        self._published()
        return element

    async def retire(self, element_id: str, actor: audit.Actor, *, confirmed: bool) -> RegisteredElement:
        """It is to be switched off. Raises Problem NOT_FOUND, CONFLICT while it may have documents."""
        now = None if confirmed else await self._as_it_is_now(element_id)
        async with self._database.write() as connection:
            known = await _to_change(connection, element_id)
            if known.registration.state is not ElementState.RETIRED and not confirmed:
                _refuse_if_in_use(known, now)
            element = await _decide(connection, known, _with_state(known, ElementState.RETIRED), actor)
        self._published()
        return element

    async def _as_it_is_now(self, element_id: str) -> ElementAnnouncement | None:
        """What the element itself says, for what it announced last may be older than its last document.

        None: it is unknown or away, or another one is at its address.
        """
        async with self._database.read() as connection:
            known = await repository.element_by_id(connection, element_id)
        if known is None:
            return None
        try:
            told = await self._discovery.ask(known.url)
        except Problem:
            return None
        return told if told.element_id == element_id else None


def _refuse_to_move(known: RegisteredElement, target: RegisteredElement | None) -> None:
    if known.mode is not Mode.EDIT:
        raise Problem(
            ProblemType.NOT_MOVABLE,
            f"The element is of mode {known.mode.value!r}, from which nothing is removed. It is moved as a"
            " whole: see 'Moving an element' in docs/operating.md.",
        )
    if target is None or target.element_id == known.element_id:
        raise Problem(
            ProblemType.INVALID_PARAMETER, "There is no other element of this id.", field="moves_to"
        )
    if target.mode is not Mode.EDIT:
        raise Problem(
            ProblemType.NOT_MOVABLE,
            f"{target.element_id} is of mode {target.mode.value!r}; choose an element of mode 'edit'.",
        )
    state = target.registration.state
    if state is not ElementState.ACTIVE:
        raise Problem(
            ProblemType.CONFLICT, f"{target.element_id} is {state.value} and takes nothing; choose another."
        )


def _refuse_if_in_use(known: RegisteredElement, now: ElementAnnouncement | None) -> None:
    if known.registration.state is ElementState.ACTIVE:
        raise Problem(ProblemType.CONFLICT, "The element takes documents; drain it first, or confirm.")
    documents = known.documents if now is None else now.documents
    if documents:
        raise Problem(
            ProblemType.CONFLICT,
            f"The element has {documents} documents; move them first, or confirm.",
            documents=documents,
        )
    if now is None:
        raise Problem(
            ProblemType.CONFLICT,
            "The element is away, so that nobody knows what is in it; confirm to retire it.",
        )


async def _to_change(connection: WriteConnection, element_id: str) -> RegisteredElement:
    known = await repository.element_to_change(connection, element_id)
    if known is None:
        raise Problem(ProblemType.NOT_FOUND, "There is no storage element with this id.")
    return known


async def _decide(
    connection: WriteConnection, known: RegisteredElement, wanted: Registration, actor: audit.Actor
) -> RegisteredElement:
    """Keep the registration and tell the audit trail; nothing happens where nothing changes."""
    if wanted == known.registration:
        return known
    decided = wanted.model_copy(update={"revision": known.registration.revision + 1})
    await repository.decide(connection, known.element_id, decided)
    await audit.append(connection, _entry(known, decided, actor))
    return known.model_copy(update={"registration": decided})


def _as_answered(found: ElementAnnouncement, url: str) -> ElementAnnouncement:
    """What is kept of the word of whoever answers at an address: anybody can say that he is an element.

    He is away until he announces himself in Redis, where nobody from outside can. Services send their
    clients' tokens to elements that are there, also while Redis is away and the registry all they know.
    """
    if found.url.rstrip("/") != url:
        raise Problem(
            ProblemType.INVALID_PARAMETER,
            f"The element says that its address is {found.url}; register it with that one.",
            field="url",
        )
    # An announcement from the future would hide those that follow.
    announced_at = min(found.announced_at, datetime.now(UTC))
    return found.model_copy(update={"url": url, "health": ElementHealth.AWAY, "announced_at": announced_at})


def _by_hand(wanted: NewElement) -> ElementAnnouncement:
    if wanted.mode is None:
        raise Problem(
            ProblemType.INVALID_PARAMETER,
            "An element that is registered by hand needs its mode.",
            field="mode",
        )
    now = datetime.now(UTC)
    assert wanted.element_id is not None
    return ElementAnnouncement(
        element_id=wanted.element_id,
        url=checked_url(wanted.url),
        mode=Mode(wanted.mode),
        capacity_bytes=wanted.capacity_bytes or 0,
        used_bytes=0,
        free_bytes=0,
        documents=0,
        last_lsn=0,
        health=ElementHealth.AWAY,
        max_file_bytes=0,
        started_at=now,
        announced_at=now,
    )


def _changed(before: Registration, wanted: RegistrationChange) -> Registration:
    given = {name: getattr(wanted, name) for name in wanted.model_fields_set & _DECIDED_BY_CHANGE}
    if "labels" in given:
        given["labels"] = given["labels"] or {}
    return before.model_copy(update=given)


def _with_state(element: RegisteredElement, state: ElementState) -> Registration:
    return element.registration.model_copy(update={"state": state, "moves_to": None})


def _registered(element: RegisteredElement, actor: audit.Actor) -> audit.AuditEntry:
    details: dict[str, audit.Json] = {"mode": element.mode, "url": element.url}
    return audit.AuditEntry(
        audit.Action.ELEMENT_REGISTERED, actor, "element", element.element_id, details=details
    )


def _entry(known: RegisteredElement, decided: Registration, actor: audit.Actor) -> audit.AuditEntry:
    before, after = (each.model_dump(mode="json") for each in (known.registration, decided))
    names = [name for name in after if name != "revision" and before[name] != after[name]]
    details: dict[str, audit.Json] = {
        "before": {name: before[name] for name in names},
        "after": {name: after[name] for name in names},
        "documents": known.documents,
    }
    action = audit.Action.ELEMENT_CHANGED
    if "state" in names:
        action = {
            ElementState.ACTIVE: audit.Action.ELEMENT_ACTIVATED,
            ElementState.DRAINING: audit.Action.ELEMENT_DRAINED,
            ElementState.RETIRED: audit.Action.ELEMENT_RETIRED,
        }[decided.state]
    return audit.AuditEntry(action, actor, "element", known.element_id, details=details)
