"""The source of a transfer: it marks the document, and lets it go in the end or keeps it."""

from uuid import UUID

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Engine, NotFound
from artstore.kernel.problems import Problem
from artstore.storage.element.modes import Operation, demand
from artstore.wire.problems import ProblemType
from artstore.wire.transfers import Hold


def demand_not_held(attributes: FileAttributes) -> None:
    """Raises Problem CONFLICT for a document that nobody may change now."""
    if attributes.transfer_id is not None:
        raise Problem(
            ProblemType.CONFLICT,
            "The document is moving to another storage element; look at it again when that is over.",
            transfer_id=str(attributes.transfer_id),
        )


async def hold(engine: Engine, file_id: FileId, wanted: Hold) -> FileAttributes:
    """The document with the mark of this transfer. Durable on return; nothing happens where it has it.

    Raises Problem CONFLICT while another one has it, NotFound, ModeForbids, AttributesTooLarge.
    """
    demand(engine.element.mode, Operation.DELETE)
    marked = await engine.attributes(file_id)
    if marked.transfer_id == wanted.transfer_id:
        return marked

    def mark(current: FileAttributes) -> FileAttributes:
        if current.transfer_id not in (wanted.replaces, wanted.transfer_id):
            demand_not_held(current)
        return current.changed(transfer_id=wanted.transfer_id)

    return await engine.update(file_id, mark)


async def release(engine: Engine, file_id: FileId, transfer_id: UUID) -> None:
    """The document is as it was before it was held. Nothing happens where it is not held, or is gone."""

    def unmark(current: FileAttributes) -> FileAttributes:
        is_ours = current.transfer_id == transfer_id
        return current.changed(transfer_id=None) if is_ours else current

    try:
        if (await engine.attributes(file_id)).transfer_id == transfer_id:
            await engine.update(file_id, unmark)
    except NotFound:
        return


async def let_go(engine: Engine, file_id: FileId, transfer_id: UUID) -> None:
    """The document is gone from here. Nothing happens where it is gone already.

    Raises Problem CONFLICT where it is not held by this transfer, ModeForbids.
    """

    def check(current: FileAttributes) -> None:
        if current.transfer_id != transfer_id:
            raise Problem(ProblemType.CONFLICT, "The document is not held by this transfer; it stays here.")

    try:
        await engine.delete(file_id, check=check)
    except NotFound:
        return
