"""What leaves the element, and what goes into the index."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from artstore.attributes import FileAttributes, FileId, created_at_of, new_file_id
from artstore.engine import Change, ChangeKind, Lsn, Mode
from artstore.storage.documents import document_json, event_json, public_fields
from artstore.storage.index.batch import batch_of, batch_of_scan
from artstore.wire.documents import Document
from artstore.wire.events import ElementEvent, EventKind

AT = datetime(2026, 11, 23, 12, 1, 2, 345678, tzinfo=UTC)


def attributes(file_id: UUID | None = None, **members: Any) -> FileAttributes:
    return FileAttributes.of(
        {
            "file_id": file_id or new_file_id(AT),
            "original_filename": "отчёт.pdf",
            "storage_filename": "stored.pdf",
            "storage_path": "files/stored.pdf",
            "file_size": 10,
            "content_type": "application/pdf",
            "created_at": AT,
            "updated_at": AT,
            "created_by_id": "owner",
            "created_by_username": "billing",
            "checksum": "0" * 64,
            **members,
        }
    )


def change(lsn: int, kind: ChangeKind, file_id: UUID | None, of: FileAttributes | None = None) -> Change:
    return Change(
        lsn=Lsn(lsn),
        kind=kind,
        file_id=None if file_id is None else FileId(file_id),
        attributes=of,
        storage_path=None if of is None else of.storage_path,
        mode=Mode.RO if kind is ChangeKind.MODE else None,
        at=AT,
    )


class TestDocument:
    def test_where_it_is_stored_stays_inside(self) -> None:
        told = document_json(attributes())
        assert "stored.pdf" not in told
        assert Document.model_validate_json(told).original_filename == "отчёт.pdf"

    def test_unknown_members_and_nulls_of_the_client_are_kept(self) -> None:
        custom = {"a": None, "b": {"c": [None]}}
        told = json.loads(document_json(attributes(custom_attributes=custom, later=None)))
        assert told["custom_attributes"] == custom
        assert told["later"] is None
        assert "description" not in told

    def test_the_index_gives_the_same(self) -> None:
        of = attributes(tags=["a"], description="d")
        row = batch_of_scan([of], 1).rows[of.file_id]
        assert row.attributes is not None
        assert public_fields(json.loads(row.attributes)) == json.loads(document_json(of))


class TestEvent:
    def test_every_kind_is_an_element_event(self) -> None:
        of = attributes()
        changes = [
            change(1, ChangeKind.PUT, of.file_id, of),
            change(2, ChangeKind.UPDATE, of.file_id, of),
            change(3, ChangeKind.DELETE, of.file_id),
            change(4, ChangeKind.MODE, None),
        ]
        events = [ElementEvent.model_validate_json(event_json(one, "se-1")) for one in changes]
        assert [event.kind for event in events] == list(EventKind)
        assert [event.lsn for event in events] == [1, 2, 3, 4]
        assert {event.element_id for event in events} == {"se-1"}
        assert {event.at for event in events} == {AT}
        assert {event.durable_at for event in events} == {None}
        assert [event.file_id for event in events] == [of.file_id] * 3 + [None]
        assert events[0].document is not None
        assert events[0].document.checksum == of.checksum
        assert events[2].document is None
        assert events[3].mode == "ro"

    def test_tells_when_it_became_durable_where_that_is_known(self) -> None:
        later = AT + timedelta(hours=1)
        told = event_json(replace(change(4, ChangeKind.MODE, None), durable_at=later), "se-1")
        assert ElementEvent.model_validate_json(told).durable_at == later


class TestBatch:
    def test_each_document_stands_once_with_its_last_state(self) -> None:
        first, second = attributes(), attributes()
        renamed = first.changed(description="new")
        batch = batch_of(
            [
                change(5, ChangeKind.PUT, first.file_id, first),
                change(6, ChangeKind.PUT, second.file_id, second),
                change(7, ChangeKind.MODE, None),
                change(8, ChangeKind.UPDATE, first.file_id, renamed),
            ]
        )
        assert {file_id: row.lsn for file_id, row in batch.rows.items()} == {
            first.file_id: 8,
            second.file_id: 6,
        }
        written = batch.rows[first.file_id].attributes
        assert written is not None
        assert json.loads(written)["description"] == "new"

    def test_a_deletion_keeps_nothing_but_owner_and_time(self) -> None:
        of = attributes()
        batch = batch_of(
            [change(1, ChangeKind.PUT, of.file_id, of), change(2, ChangeKind.DELETE, of.file_id)]
        )
        row = batch.rows[of.file_id]
        assert (row.lsn, row.created_by_id, row.created_at) == (2, "owner", AT)
        assert (row.attributes, row.storage_path) == (None, None)

    def test_a_deletion_alone_has_the_time_of_its_id(self) -> None:
        gone = new_file_id(AT)
        row = batch_of([change(1, ChangeKind.DELETE, gone)]).rows[gone]
        assert (row.created_at, row.created_by_id) == (created_at_of(gone), None)

    def test_json_names_the_columns(self) -> None:
        of = attributes(storage_path='files/a"b.pdf', storage_filename='a"b.pdf')
        gone = uuid4()
        batch = batch_of([change(1, ChangeKind.PUT, of.file_id, of), change(2, ChangeKind.DELETE, gone)])
        put, deletion = json.loads(batch.to_json())
        assert put["storage_path"] == of.storage_path
        assert put["attributes"] == of.to_json_object()
        assert datetime.fromisoformat(put["created_at"]) == AT
        assert deletion == {
            "file_id": str(gone),
            "lsn": 2,
            "storage_path": None,
            "created_at": None,
            "created_by_id": None,
            "attributes": None,
        }

    def test_mode_changes_alone_leave_no_row(self) -> None:
        assert len(batch_of([change(1, ChangeKind.MODE, None)])) == 0
