"""What one transaction writes into the index: pure, so that it is tested without a database."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from artstore.attributes import FileAttributes, FileId, created_at_of
from artstore.engine import Change, ChangeKind
from artstore.storage.documents import whole_json


@dataclass(frozen=True)
class Row:
    """The last known state of one document. A deletion has no path and no attributes."""

    lsn: int
    storage_path: str | None = None
    created_at: datetime | None = None
    created_by_id: str | None = None
    attributes: str | None = None


@dataclass
class Batch:
    """Rows by document, each document once: PostgreSQL refuses to upsert a row twice in one statement."""

    rows: dict[UUID, Row] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def to_json(self) -> str:
        """A JSON array with an object for each row, its members named like the columns."""
        return "[" + ",".join(_row_json(file_id, row) for file_id, row in self.rows.items()) + "]"


def batch_of(changes: Iterable[Change]) -> Batch:
    """The outcome of consecutive changes. A mode change concerns no document and leaves no row."""
    batch = Batch()
    for change in changes:
        if change.file_id is None:
            continue
        if change.kind is ChangeKind.DELETE:
            batch.rows[change.file_id] = _deletion(change.lsn, change.file_id, batch.rows.get(change.file_id))
        elif change.attributes is not None:
            batch.rows[change.file_id] = _row(change.attributes, change.lsn)
    return batch


def batch_of_scan(documents: Iterable[FileAttributes], lsn: int) -> Batch:
    """Documents as a walk over the files found them; ``lsn`` is the one that the walk stands for."""
    return Batch({document.file_id: _row(document, lsn) for document in documents})


def _deletion(lsn: int, file_id: FileId, before: Row | None) -> Row:
    """What a deletion does not say, the batch or the id may; the row that is there knows the rest."""
    if before is not None:
        return Row(lsn, created_at=before.created_at, created_by_id=before.created_by_id)
    return Row(lsn, created_at=created_at_of(file_id))


def _row(attributes: FileAttributes, lsn: int) -> Row:
    return Row(
        lsn=lsn,
        storage_path=attributes.storage_path,
        created_at=attributes.created_at,
        created_by_id=attributes.created_by_id,
        attributes=whole_json(attributes),
    )


def _row_json(file_id: UUID, row: Row) -> str:
    created_at = None if row.created_at is None else row.created_at.isoformat()
    return (
        f'{{"file_id":"{file_id}","lsn":{row.lsn},"storage_path":{json.dumps(row.storage_path)}'
        f',"created_at":{json.dumps(created_at)},"created_by_id":{json.dumps(row.created_by_id)}'
        f',"attributes":{row.attributes or "null"}}}'
    )
