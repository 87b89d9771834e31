"""The attribute file: every field, both versions, what is refused, what is kept."""

import json
import zlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.attributes import (
    MAX_BYTES,
    AttributesError,
    AttributesInvalid,
    AttributesTooLarge,
    FileAttributes,
    RetentionPolicy,
    check_filename,
    folder_of,
    is_sealed,
    parse,
    stored_name,
    to_v1_compatible,
)
from artstore.attributes.names import MAX_FILENAME_BYTES
from artstore.attributes.schema import MAX_DEPTH

AT = datetime(2026, 11, 23, 12, 1, 2, 345678, tzinfo=UTC)
ID = UUID("0193563f-5a00-7000-8000-000000000000")
STORED = stored_name("a.pdf", "billing", AT, ID)
REQUIRED: dict[str, Any] = {
    "file_id": ID,
    "original_filename": "a.pdf",
    "storage_filename": STORED,
    "storage_path": f"files/2024/11/22/23/{STORED}",
    "file_size": 7,
    "content_type": "application/pdf",
    "created_at": AT,
    "updated_at": AT,
    "created_by_id": "6f1c",
    "created_by_username": "billing",
    "checksum": "ab" * 32,
}
VERSION_1: dict[str, Any] = {
    **REQUIRED,
    "file_id": "d9b2d63d-a233-4123-847a-7090e9f5b5a1",
    "created_at": "2024-01-02T03:04:05+00:00",
    "updated_at": "2024-01-02T06:04:05.5+03:00",
    "created_by_fullname": None,
    "description": "old",
    "metadata": {"project": "Восток", "empty": None},
    "department": {"unknown": ["kept", None]},
}
ALWAYS_WRITTEN = {"schema_version", "metadata", "custom_attributes", "attributes_crc32"}

JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | JSON_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(JSON_TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(JSON_TEXT, JSON_VALUES, max_size=4)


def attributes(**fields: Any) -> FileAttributes:
    return FileAttributes.of({**REQUIRED, **fields})


def version_1_file(**fields: Any) -> bytes:
    return json.dumps({**VERSION_1, **fields}, ensure_ascii=False, default=str).encode()


class TestToBytes:
    def test_is_json_with_one_line_for_each_member(self) -> None:
        written = attributes(description='"x"\n', custom_attributes={"k": [1, None]}).to_bytes()
        assert written.startswith(b'{\n"schema_version": "2.0",\n"file_id": "0193563f-')
        assert b'\n"custom_attributes": {"k":[1,null]},\n"attributes_crc32": "' in written
        assert json.loads(written)["description"] == '"x"\n'

    def test_leaves_out_what_is_unused_and_keeps_empty_objects(self) -> None:
        members = json.loads(attributes().to_bytes())
        assert set(members) == {*REQUIRED, *ALWAYS_WRITTEN}

    def test_times_are_utc(self) -> None:
        there = datetime(2026, 11, 23, 15, 1, 2, tzinfo=timezone(timedelta(hours=3)))
        assert json.loads(attributes(created_at=there).to_bytes())["created_at"] == "2026-11-23T12:01:02Z"

    @given(custom=OBJECTS, metadata=OBJECTS, description=JSON_TEXT | st.none(), unknown=JSON_VALUES)
    def test_comes_back_as_it_was(
        self, custom: dict[str, Any], metadata: dict[str, Any], description: str | None, unknown: object
    ) -> None:
        before = attributes(
            custom_attributes=custom, metadata=metadata, description=description, later=unknown
        )
        try:
            written = before.to_bytes()
        except AttributesTooLarge:
            return
        assert len(written) <= MAX_BYTES
        assert parse(written) == before
        assert parse(written).to_bytes() == written

    def test_refuses_more_than_4096_bytes(self) -> None:
        room = MAX_BYTES - len(attributes(description="").to_bytes())
        assert len(attributes(description="x" * room).to_bytes()) == MAX_BYTES
        with pytest.raises(AttributesTooLarge, match="4097 bytes") as caught:
            attributes(description="x" * (room + 1)).to_bytes()
        assert caught.value.size == MAX_BYTES + 1

    @pytest.mark.parametrize("letter", ["文", "x", '"', "🎉"])
    def test_any_acceptable_file_name_fits_and_leaves_room(self, letter: str) -> None:
        bytes_each = len(letter.encode()) + (letter == '"')
        name = check_filename(letter * min(1000, MAX_FILENAME_BYTES // bytes_each))
        stored = stored_name(name, "文" * 64, AT, ID)
        written = attributes(
            original_filename=name,
            storage_filename=stored,
            storage_path=f"files/{folder_of(ID)}/{stored}",
            created_by_id=str(ID),
            created_by_username="文" * 64,
            content_type="application/vnd.openxmlformats-officedocument.presentationml.presentation",
            retention_policy="permanent",
            custom_attributes={"k": "v" * 450},
        ).to_bytes()
        assert len(written) <= MAX_BYTES


class TestValidation:
    @pytest.mark.parametrize("name", [*REQUIRED])
    def test_needs(self, name: str) -> None:
        fields = {key: value for key, value in REQUIRED.items() if key != name}
        with pytest.raises(AttributesInvalid, match="is missing") as caught:
            FileAttributes.of(fields)
        assert caught.value.field == name

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("file_id", "not-a-uuid"),
            ("file_id", 5),
            ("original_filename", ""),
            ("storage_filename", "a/b"),
            ("storage_filename", ".."),
            ("storage_path", "/etc/passwd"),
            ("storage_path", "files/../../x"),
            ("storage_path", "C:/x"),
            ("storage_path", "files\\x"),
            ("storage_path", "files/x\x00y"),
            ("file_size", 0),
            ("file_size", -1),
            ("file_size", "7"),
            ("file_size", True),
            ("file_size", 7.0),
            ("file_size", 2**63),
            ("content_type", ""),
            ("content_type", "pdf"),
            ("content_type", "text/plain\r\nSet-Cookie: x"),
            ("content_type", "text/" + "x" * 300),
            ("created_at", "2026-11-23T12:01:02"),
            ("created_at", "2026-11-23"),
            ("created_at", 1700000000),
            ("created_at", "2026-02-30T12:01:02Z"),
            ("created_at", "0001-01-01T00:00:00+14:00"),
            ("created_at", "9999-12-31T23:59:59-14:00"),
            ("updated_at", None),
            ("checksum", "ab"),
            ("checksum", "xy" * 32),
            ("description", "a\x00"),
            ("description", "a\ud800"),
            ("description", 5),
            ("metadata", []),
            ("custom_attributes", None),
            ("custom_attributes", "text"),
            ("tags", "one"),
            ("tags", [""]),
            ("retention_policy", "forever"),
            ("expires_at", "soon"),
            ("legal_hold", "held"),
            ("legal_hold", {"since": "2026-11-23T12:01:02Z", "by": "legal"}),
            ("legal_hold", {"since": "2026-11-23T12:01:02Z", "by": "", "reason": "case"}),
            ("legal_hold", {"since": "today", "by": "legal", "reason": "case"}),
            ("legal_hold", {"since": "2026-11-23T12:01:02Z", "by": "legal", "reason": "case", "x": "\x00"}),
            ("document_id", "x"),
            ("schema_version", "3.0"),
            ("attributes_crc32", "00000000"),
        ],
    )
    def test_refuses(self, field: str, value: object) -> None:
        with pytest.raises(AttributesInvalid) as caught:
            attributes(**{field: value})
        assert caught.value.field.split(".")[0] == field
        assert caught.value.reason

    @pytest.mark.parametrize(
        ("value", "field"),
        [
            ({"a": "\x00"}, "custom_attributes.a"),
            ({"a\x00": 1}, "custom_attributes"),
            ({"a": {"b": ["\ud800"]}}, "custom_attributes.a.b.0"),
            ({"a": float("nan")}, "custom_attributes.a"),
            ({"a": float("-inf")}, "custom_attributes.a"),
            ({"a": 10**309}, "custom_attributes.a"),
            ({"a": {1, 2}}, "custom_attributes.a"),
            ({"a": {1: 2}}, "custom_attributes.a"),
        ],
    )
    def test_refuses_custom_attributes_that_are_not_json(self, value: object, field: str) -> None:
        with pytest.raises(AttributesInvalid) as caught:
            attributes(custom_attributes=value)
        assert caught.value.field == field

    def test_refuses_deep_nesting(self) -> None:
        value: object = 1
        for _ in range(MAX_DEPTH - 1):
            value = [value]
        attributes(custom_attributes={"a": value})
        with pytest.raises(AttributesInvalid, match="nested deeper"):
            attributes(custom_attributes={"a": [value]})

    def test_refuses_unknown_members_that_cannot_be_stored(self) -> None:
        with pytest.raises(AttributesInvalid) as caught:
            attributes(later={"a": "\x00"})
        assert caught.value.field == "later.a"

    def test_coding_needs_size_and_checksum_of_what_is_stored(self) -> None:
        coded = attributes(content_encoding="zstd", stored_size=3, stored_checksum="cd" * 32)
        assert (coded.size_on_disk, coded.checksum_on_disk) == (3, "cd" * 32)
        assert (attributes().size_on_disk, attributes().checksum_on_disk) == (7, "ab" * 32)
        for partial in ({"content_encoding": "zstd"}, {"stored_size": 3}):
            with pytest.raises(AttributesInvalid, match="stand together"):
                attributes(**partial)

    def test_checksum_becomes_lower_case(self) -> None:
        assert attributes(checksum="AB" * 32).checksum == "ab" * 32


class TestChanged:
    def test_replaces_and_validates(self) -> None:
        changed = attributes(later=1).changed(description="new", tags=["x"])
        assert (changed.description, changed.tags, changed.model_extra) == ("new", ["x"], {"later": 1})
        with pytest.raises(AttributesInvalid):
            changed.changed(tags="x")

    def test_the_original_stays(self) -> None:
        original = attributes()
        with pytest.raises(ValueError, match="frozen"):
            original.description = "x"  # type: ignore[misc]  # that it is refused is what is tried


class TestParse:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"[]",
            b"null",
            b"{",
            b"\xff\xfe",
            b"\xef\xbb\xbf{}",
            b'{"a": "\\ud800"}',
            b"[" * 4000,
            b'{"a":' * 600 + b"1" + b"}" * 600,
            b'{"a": NaN}',
            b'{"schema_version": 2}',
            b'{"schema_version": "2.1"}',
            b'{"schema_version": []}',
            b'{"schema_version": null}',
        ],
    )
    def test_refuses(self, data: bytes) -> None:
        with pytest.raises(AttributesInvalid):
            parse(data)

    def test_refuses_what_is_too_large(self) -> None:
        with pytest.raises(AttributesTooLarge):
            parse(attributes().to_bytes().ljust(MAX_BYTES + 1))

    def test_keeps_unknown_members_in_order(self) -> None:
        written = attributes(zeta=1, alpha={"b": 2, "a": None}, nothing=None).to_bytes()
        assert list(json.loads(parse(written).to_bytes()))[-4:-1] == ["zeta", "alpha", "nothing"]

    def test_null_is_absent_where_a_member_is_optional(self) -> None:
        members = {**attributes().to_json_object(), "description": None, "tags": None}
        assert parse(json.dumps(members).encode()) == attributes()

    @given(st.binary(max_size=200) | st.builds(lambda v: json.dumps(v).encode(), JSON_VALUES))
    def test_never_fails_otherwise(self, data: bytes) -> None:
        with pytest.raises(AttributesError):
            parse(data)


class TestLegalHold:
    def test_stays_as_it_is_with_members_that_are_not_known(self) -> None:
        hold = {"since": "2026-11-23T12:01:02Z", "by": "legal", "reason": "дело", "court": {"at": [1.5, "x"]}}
        held = attributes(legal_hold=hold)
        assert held.to_json_object()["legal_hold"] == hold
        assert parse(held.to_bytes()) == held
        assert json.loads(held.to_bytes())["legal_hold"] == hold
        assert held.changed(description="x").legal_hold == held.legal_hold
        assert "legal_hold" not in held.changed(legal_hold=None).to_json_object()


class TestSeal:
    @given(at=st.integers(0, 5000), bit=st.integers(0, 7))
    def test_a_flipped_bit_is_noticed(self, at: int, bit: int) -> None:
        before = attributes(custom_attributes={"k": [1.5, {"z": True}]})
        written = bytearray(before.to_bytes())
        written[at % len(written)] ^= 1 << bit
        assert not is_sealed(bytes(written))
        try:
            read = parse(bytes(written))
        except AttributesError:
            return
        # Only the seal was damaged, beyond recognition: it became an unknown member.
        (name,) = read.model_extra or {}
        members = read.to_json_object()
        del members[name]
        assert members == before.to_json_object()

    def test_is_the_crc_32_of_what_stands_before(self) -> None:
        written = attributes().to_bytes()
        before, _, line = written.rpartition(b'"attributes_crc32"')
        assert line == b': "%08x"\n}\n' % zlib.crc32(before)
        assert is_sealed(written)

    def test_belongs_to_the_file_alone(self) -> None:
        read = parse(attributes().to_bytes())
        assert "attributes_crc32" not in read.to_json_object()
        assert read == attributes()

    def test_need_not_be_there(self) -> None:
        unsealed = json.dumps(attributes().to_json_object()).encode()
        assert parse(unsealed) == attributes()
        assert not is_sealed(unsealed)
        assert not is_sealed(b"")

    def test_of_another_text_is_refused(self) -> None:
        with pytest.raises(AttributesInvalid) as caught:
            parse(attributes(description="mine").to_bytes().replace(b"mine", b"ours"))
        assert caught.value.field == "attributes_crc32"


class TestVersion1:
    def test_is_migrated(self) -> None:
        read = parse(version_1_file(created_at="2024-01-02T03:04:05+00:00"))
        assert read.schema_version == "2.0"
        assert read.custom_attributes == {}
        assert read.metadata == VERSION_1["metadata"]
        assert read.model_extra == {"department": {"unknown": ["kept", None]}}
        assert read.updated_at == datetime(2024, 1, 2, 3, 4, 5, 500000, tzinfo=UTC)
        assert read.retention_policy is None

    def test_may_lack_metadata_and_may_name_its_version(self) -> None:
        members = {key: value for key, value in VERSION_1.items() if key != "metadata"}
        assert parse(json.dumps(members, default=str).encode()).metadata == {}
        assert parse(version_1_file(metadata=None, schema_version="1.0")).metadata == {}

    def test_needs_the_same_fields(self) -> None:
        members = {key: value for key, value in VERSION_1.items() if key != "checksum"}
        with pytest.raises(AttributesInvalid) as caught:
            parse(json.dumps(members, default=str).encode())
        assert caught.value.field == "checksum"


class TestToV1Compatible:
    def test_goes_back_to_what_was_read(self) -> None:
        members, dropped = to_v1_compatible(parse(version_1_file()))
        assert dropped == []
        assert FileAttributes.of(members) == parse(version_1_file())
        assert "schema_version" not in members
        assert "custom_attributes" not in members
        assert members["department"] == VERSION_1["department"]
        assert members["metadata"] == VERSION_1["metadata"]

    def test_says_what_it_drops(self) -> None:
        full = attributes(
            custom_attributes={"a": 1}, tags=["t"], retention_policy=RetentionPolicy.PERMANENT, expires_at=AT
        )
        members, dropped = to_v1_compatible(full)
        assert dropped == ["custom_attributes", "tags", "retention_policy", "expires_at"]
        assert set(members) == {*REQUIRED, "metadata"}

    @given(custom=OBJECTS, metadata=OBJECTS)
    def test_a_reader_of_version_1_gets_everything_else(
        self, custom: dict[str, Any], metadata: dict[str, Any]
    ) -> None:
        full = attributes(custom_attributes=custom, metadata=metadata)
        members, dropped = to_v1_compatible(full)
        assert dropped == (["custom_attributes"] if custom else [])
        again = FileAttributes.of({**members, "schema_version": "2.0", "custom_attributes": custom})
        assert again == full
