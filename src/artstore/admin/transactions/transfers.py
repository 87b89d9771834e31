"""What somebody wants moved to another element: whether that may be, and the transaction that does it.

A document leaves only where its element lets it be deleted, and stays what it is: so from ``edit`` to
``edit``, and never a permanent one. Temporary documents get to elements of mode ``rw`` by finalization, and
elements of the other modes move as a whole.
"""

from uuid import UUID

from artstore.admin import audit
from artstore.admin.transactions import repository
from artstore.admin.transactions.deciding import Decisions, demand_free
from artstore.admin.transactions.progress import TransactionRow
from artstore.admin.transactions.whereabouts import Copy, Whereabouts
from artstore.attributes import RetentionPolicy
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.elements import (
    CapacityStatus,
    ElementHealth,
    ElementState,
    Mode,
    RegisteredElement,
)
from artstore.wire.problems import ProblemType
from artstore.wire.transactions import NewTransaction, NewTransfer, TransactionKind


class Transfers:
    def __init__(self, database: Database, whereabouts: Whereabouts, decisions: Decisions) -> None:
        self._database = database
        self._whereabouts = whereabouts
        self._decisions = decisions

    async def begin(self, wanted: NewTransfer, actor: audit.Actor) -> tuple[TransactionRow, bool]:
        """The transaction, and whether it is new. Asked again, the same one, also when it is done.

        Raises Problem NOT_FOUND, NOT_MOVABLE, INVALID_PARAMETER for a target that nobody knows, CONFLICT
        while something else is done with the document or where the target takes nothing, ELEMENT_UNAVAILABLE,
        INSUFFICIENT_STORAGE, FILE_TOO_LARGE.
        """
        if (begun := await self._under_way(wanted)) is not None:
            return begun, False
        copies = await self._whereabouts.copies(wanted.file_id)
        if [copy.element.element_id for copy in copies] == [wanted.target_element_id]:
            return await self._moved_before(wanted), False
        return await self.begin_from(_the_only(copies), wanted.target_element_id, actor)

    async def begin_from(self, source: Copy, target: str, actor: audit.Actor) -> tuple[TransactionRow, bool]:
        """The same, of a document that is known to lie there. The target is asked whether it has it too."""
        file_id, size = UUID(source.document["file_id"]), int(source.document["file_size"])
        _demand_leaves(source)
        element = await self._target(target)
        _demand_open(element)
        _demand_fits(element, size)
        if await self._whereabouts.lies_in(element, file_id):
            raise Problem(
                ProblemType.CONFLICT,
                f"A document of this id lies in {target} already: it has just been moved, or one of the"
                " elements was restored from a backup.",
            )
        new = NewTransaction(
            kind=TransactionKind.TRANSFER,
            file_id=file_id,
            owner_id=str(source.document["created_by_id"])[:256],
            requested_by_id=actor.id or actor.kind,
            requested_by_name=(actor.name or actor.kind)[:256],
            source_element_id=source.element.element_id,
            target_element_id=target,
            total_bytes=size,
        )
        return await self._decisions.begin(new, actor)

    async def demand_open(self, target: str) -> None:
        """Raises Problem where it takes no document at all, as ``begin`` does."""
        _demand_open(await self._target(target))

    async def _under_way(self, wanted: NewTransfer) -> TransactionRow | None:
        async with self._database.read() as connection:
            known = await repository.open_of_document(connection, wanted.file_id)
        if (
            known is not None
            and known.kind is TransactionKind.TRANSFER
            and known.target_element_id == wanted.target_element_id
        ):
            return known
        demand_free(known)
        return None

    async def _moved_before(self, wanted: NewTransfer) -> TransactionRow:
        async with self._database.read() as connection:
            last = await repository.last_done(connection, TransactionKind.TRANSFER, wanted.file_id)
        if last is None or last.target_element_id != wanted.target_element_id:
            raise Problem(ProblemType.CONFLICT, "The document lies in this element already.")
        return last

    async def _target(self, element_id: str) -> RegisteredElement:
        for element in await self._whereabouts.elements():
            if element.element_id == element_id:
                return element
        raise Problem(
            ProblemType.INVALID_PARAMETER,
            f"There is no storage element {element_id!r}.",
            field="target_element_id",
        )


def _the_only(copies: list[Copy]) -> Copy:
    """Raises Problem CONFLICT: with several it would be a guess which one is to be removed."""
    if len(copies) > 1:
        places = ", ".join(copy.element.element_id for copy in copies)
        raise Problem(
            ProblemType.CONFLICT,
            f"The document lies in several elements ({places}): it has just been moved, or one of them was"
            " restored from a backup. Ask again when it lies in one.",
        )
    return copies[0]


def _demand_leaves(copy: Copy) -> None:
    element = copy.element
    if element.mode is not Mode.EDIT:
        raise _not_movable(
            f"The document lies in {element.element_id}, whose mode {element.mode.value!r} lets nothing be"
            " removed. Such an element is moved as a whole: see 'Moving an element' in docs/operating.md."
        )
    if copy.document.get("retention_policy") == RetentionPolicy.PERMANENT:
        raise _not_movable(
            "The document is permanent, and is removed from nowhere by a transfer. Finalize it: it gets to an"
            " element of mode 'rw'."
        )


def _demand_open(element: RegisteredElement) -> None:
    """As placement looks at elements: what it would place nothing in gets nothing by a transfer."""
    if element.mode is not Mode.EDIT:
        raise _not_movable(
            f"{element.element_id} is of mode {element.mode.value!r}; a transfer leaves a document as it is,"
            " deletable. To have it there for good, finalize it; else choose an element of mode 'edit'."
        )
    registration = element.registration
    if registration.state is not ElementState.ACTIVE:
        raise Problem(
            ProblemType.CONFLICT, f"{element.element_id} is {registration.state.value} and takes nothing."
        )
    if element.health is ElementHealth.AWAY:
        raise Problem(ProblemType.ELEMENT_UNAVAILABLE, f"{element.element_id} is away; try again later.")
    room = _room(element)
    if room <= 0 or element.capacity_status is CapacityStatus.FULL:
        raise Problem(ProblemType.INSUFFICIENT_STORAGE, f"{element.element_id} is full.")


def _demand_fits(element: RegisteredElement, size: int) -> None:
    registration = element.registration
    largest = min(element.max_file_bytes, registration.limit_file_bytes or element.max_file_bytes)
    if size > largest:
        raise Problem(
            ProblemType.FILE_TOO_LARGE,
            f"The largest file that {element.element_id} takes has {largest} bytes.",
            max_file_bytes=largest,
        )
    if (room := _room(element)) < size:
        raise Problem(
            ProblemType.INSUFFICIENT_STORAGE,
            f"The document needs {size} bytes; {element.element_id} has {room} left for new ones.",
        )


def _room(element: RegisteredElement) -> int:
    """The bytes that it has left for new documents."""
    if (limit := element.registration.limit_bytes) is None:
        return element.free_bytes
    return min(element.free_bytes, limit - element.used_bytes)


def _not_movable(detail: str) -> Problem:
    return Problem(ProblemType.NOT_MOVABLE, detail)
