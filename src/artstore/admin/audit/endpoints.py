"""``/api/v1/audit``: search, read and export the audit trail, its checkpoints, and proofs about it."""

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from artstore.admin import paging
from artstore.admin.audit import documents, export, refusals, repository, stored_tree
from artstore.admin.audit.log_key import public_key
from artstore.admin.audit.repository import StoredEntry, Wanted
from artstore.admin.audit.stored_tree import HashesMissing
from artstore.admin.audit.tree import Range, consistency_ranges, inclusion_ranges
from artstore.admin.problem_answers import problem_answer
from artstore.attributes.schema import Time
from artstore.kernel.access import Principal, Requires, public
from artstore.kernel.database import Database, ReadConnection
from artstore.kernel.problems import Problem
from artstore.wire.audit import (
    AuditPage,
    AuditRecord,
    CheckpointPage,
    CheckpointRecord,
    ConsistencyProof,
    ExpiryReport,
    HoldReport,
    InclusionProof,
    Outcome,
    RefusalReport,
)
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

MAX_LIMIT = 1000
_LARGEST = 2**63 - 1
_Reader = Annotated[Principal, Requires(Scope.AUDIT_READ)]
_Reporter = Annotated[Principal, Requires(Scope.AUDIT_REPORT)]
_Text = Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]+$")]
_Size = Annotated[int, Query(ge=1, le=_LARGEST)]
_Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


def _wanted(
    since: Annotated[Time | None, Query(description="At or after this time")] = None,
    until: Annotated[Time | None, Query(description="Before this time")] = None,
    action: _Text = None,
    actor_id: _Text = None,
    actor_name: _Text = None,
    subject_kind: _Text = None,
    subject_id: _Text = None,
    outcome: Outcome | None = None,
) -> Wanted:
    given: dict[str, str | None] = {
        "action": action,
        "actor_id": actor_id,
        "actor_name": actor_name,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "outcome": outcome,
    }
    equal = {column: str(value) for column, value in given.items() if value is not None}
    return Wanted(since, until, equal)


_Wanted = Annotated[Wanted, Depends(_wanted)]


def audit_routes(database: Database) -> APIRouter:
    router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
    _add_entries(router, database)
    _add_checkpoints(router, database)
    _add_proofs(router, database)

    @router.post("/refusals", status_code=204)
    async def report_refusals(report: RefusalReport, principal: _Reporter) -> None:
        """For the services: what one of them refused in one minute. Sent again, it changes nothing."""
        await refusals.record(database, report)

    @router.post("/expiries", status_code=204)
    async def report_expiries(report: ExpiryReport, principal: _Reporter) -> None:
        """For the elements: what one of them is about to remove, its time being over. Refused where its clock
        tells another time than Admin's. Sent again, it changes nothing.
        """
        await documents.record_expiries(database, report)

    @router.post("/holds", status_code=204)
    async def report_hold(report: HoldReport, principal: _Reporter) -> None:
        """For the elements: a document was put under a legal hold, or is about to be released. Sent again, it
        changes nothing.
        """
        await documents.record_hold(database, report)

    # The last, as it takes any word.
    @router.get("/{index}", responses=problem_answer(404, "No such entry"))
    async def read_audit_entry(
        index: Annotated[int, Path(ge=0, le=_LARGEST)], principal: _Reader
    ) -> AuditRecord:
        """One entry."""
        async with database.read() as connection:
            found = await repository.entry_at(connection, index)
        if found is None:
            raise Problem(ProblemType.NOT_FOUND, "The audit trail has no entry with this index.")
        return _record(found)

    return router


def _add_entries(router: APIRouter, database: Database) -> None:
    @router.get("")
    async def search_audit(
        principal: _Reader,
        wanted: _Wanted,
        order: Annotated[Literal["newest", "oldest"], Query(description="What comes first")] = "newest",
        cursor: str | None = None,
        limit: _Limit = paging.DEFAULT_LIMIT,
    ) -> AuditPage:
        """Entries that meet all that is given. What is appended meanwhile moves no page."""
        at = _index_in(cursor)
        async with database.read() as connection:
            if order == "newest":
                found = await repository.newest_entries(connection, wanted, limit + 1, stop=at)
            else:
                start = 0 if at is None else at + 1
                found = await repository.entries(connection, wanted, limit + 1, start=start)
        items, more = found[:limit], found[limit:]
        last = items[-1].entry["index"] if more else None
        return AuditPage(
            items=[_record(one) for one in items],
            next_cursor=None if last is None else paging.cursor_after(str(last)),
        )

    @router.get("/export", response_class=Response, responses=_EXPORTED)
    async def export_audit(
        principal: _Reader,
        wanted: _Wanted,
        form: Annotated[Literal["jsonl", "csv"], Query(alias="format")] = "jsonl",
    ) -> Response:
        """All entries that meet what is given, the oldest first, up to the newest one of now."""
        async with database.read() as connection:
            stop = await repository.size(connection)
        lines = export.as_csv if form == "csv" else export.as_json_lines
        return StreamingResponse(
            lines(export.read(database, wanted, stop)),
            media_type=export.MEDIA_TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="audit.{form}"'},
        )


def _add_checkpoints(router: APIRouter, database: Database) -> None:
    @router.get("/checkpoint", response_class=PlainTextResponse, responses=_no_checkpoint())
    async def newest_checkpoint(principal: _Reader) -> str:
        """The newest checkpoint: a signed note (C2SP signed-note, tlog-checkpoint)."""
        async with database.read() as connection:
            return (await _sealed(connection)).note

    @router.get("/checkpoints")
    async def list_checkpoints(
        principal: _Reader, cursor: str | None = None, limit: _Limit = paging.DEFAULT_LIMIT
    ) -> CheckpointPage:
        """Every checkpoint that was ever signed, that of the smallest tree first."""
        after = _index_in(cursor)
        async with database.read() as connection:
            found = await repository.checkpoints_after(connection, -1 if after is None else after, limit + 1)
        items, more = found[:limit], found[limit:]
        return CheckpointPage(
            items=[
                CheckpointRecord(
                    tree_size=one.tree_size,
                    root_hash=_encoded(one.root_hash),
                    sealed_at=one.sealed_at,
                    note=one.note,
                )
                for one in items
            ],
            next_cursor=paging.cursor_after(str(items[-1].tree_size)) if more else None,
        )

    @router.get("/key", response_class=PlainTextResponse)
    @public
    async def verifier_key() -> str:
        """The key that checkpoints are verified with: name+hash+base64 (C2SP signed-note)."""
        async with database.read() as connection:
            return await public_key(connection) + "\n"


def _add_proofs(router: APIRouter, database: Database) -> None:
    @router.get("/proof/inclusion", responses=_no_checkpoint())
    async def prove_inclusion(
        principal: _Reader,
        index: Annotated[int, Query(ge=0, le=_LARGEST)],
        tree_size: Annotated[_Size | None, Query(description="Default: of the newest checkpoint")] = None,
    ) -> InclusionProof:
        """Proof that an entry is in the tree of that size (RFC 6962 §2.1.1)."""
        async with database.read() as connection:
            size = await _sealed_size(connection, tree_size, "tree_size")
            if index >= size:
                raise _beyond("index", f"a tree of {size} entries has none with this index")
            ranges = [Range(index, index + 1), *inclusion_ranges(index, size)]
            leaf, *hashes = await _hashes(connection, ranges)
        return InclusionProof(index=index, tree_size=size, leaf_hash=leaf, hashes=hashes)

    @router.get("/proof/consistency", responses=_no_checkpoint())
    async def prove_consistency(
        principal: _Reader,
        from_size: Annotated[_Size, Query(alias="from")],
        to_size: Annotated[
            _Size | None, Query(alias="to", description="Default: of the newest checkpoint")
        ] = None,
    ) -> ConsistencyProof:
        """Proof that the tree of one size is the beginning of that of another (RFC 6962 §2.1.2)."""
        async with database.read() as connection:
            size = await _sealed_size(connection, to_size, "to")
            if from_size > size:
                raise _beyond("from", f"it is larger than the other size, {size}")
            hashes = await _hashes(connection, consistency_ranges(from_size, size))
        return ConsistencyProof(from_size=from_size, to_size=size, hashes=hashes)


_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The entries", "content": {media: {} for media in export.MEDIA_TYPES.values()}}
}


def _no_checkpoint() -> dict[int | str, dict[str, Any]]:
    return problem_answer(404, "Nothing is sealed yet")


async def _sealed(connection: ReadConnection) -> repository.StoredCheckpoint:
    newest = await repository.newest_checkpoint(connection)
    if newest is None:
        raise Problem(ProblemType.NOT_FOUND, "Nothing is sealed yet; try again in some seconds.")
    return newest


async def _sealed_size(connection: ReadConnection, asked: int | None, field: str) -> int:
    """The size that was asked for, which must be sealed: only then are all hashes below it stored."""
    sealed = (await _sealed(connection)).tree_size
    if asked is not None and asked > sealed:
        raise _beyond(field, f"only {sealed} entries are sealed yet")
    return asked or sealed


async def _hashes(connection: ReadConnection, ranges: list[Range]) -> list[str]:
    try:
        return [_encoded(found) for found in await stored_tree.range_hashes(connection, ranges)]
    except HashesMissing as e:
        raise Problem(
            ProblemType.INTERNAL, f"The audit trail is damaged: {e}. Run: artstore audit verify."
        ) from e


def _beyond(field: str, reason: str) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, f"'{field}' cannot be accepted: {reason}.", field=field)


def _record(stored: StoredEntry) -> AuditRecord:
    return AuditRecord(**stored.entry, leaf_hash=_encoded(stored.leaf_hash))


def _encoded(hashed: bytes) -> str:
    return base64.b64encode(hashed).decode("ascii")


def _index_in(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    key = paging.key_before(cursor)
    if not (key.isascii() and key.isdecimal() and int(key) <= _LARGEST):
        raise paging.invalid_cursor()
    return int(key)
