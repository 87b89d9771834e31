"""The paths of an element, its description, and finding a document without a database."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.attributes import RetentionPolicy, folder_of, new_file_id, stored_name
from artstore.engine.description import Adopted, is_sealed_description
from artstore.engine.errors import NotAnElement
from artstore.engine.layout import (
    DescriptionInvalid,
    ElementDescription,
    Layout,
    Mode,
    create_element,
    parse_description,
    place_format_page,
    read_description,
    storage_path_of,
    write_description,
)

NOW = datetime(2026, 11, 23, 12, 1, 2, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    root = tmp_path / "root"
    create_element(root, "archive-1", Mode.EDIT, NOW)
    return Layout(root)


def store(layout: Layout, at: datetime, name: str = "a.txt") -> str:
    """Places an empty document; gives its storage path."""
    file_id = new_file_id(at)
    path = storage_path_of(folder_of(file_id), stored_name(name, "u", at, file_id))
    layout.document(path).parent.mkdir(parents=True, exist_ok=True)
    layout.document(path).touch()
    layout.attribute_file(path).touch()
    return path


class TestCreateElement:
    def test_makes_a_root_that_explains_itself(self, layout: Layout) -> None:
        assert {path.name for path in layout.root.iterdir()} == {
            "FORMAT.md",
            "element.json",
            "files",
            "quarantine",
            "staging",
            "wal",
        }
        assert layout.format_page.read_text().startswith("# The format of an ArtStore storage element")
        assert read_description(layout) == ElementDescription(
            "archive-1", Mode.EDIT, RetentionPolicy.TEMPORARY, NOW
        )

    def test_may_be_repeated_after_an_interruption(self, layout: Layout) -> None:
        layout.description.unlink()
        (layout.root / ".tmp-0123").touch()
        create_element(layout.root, "archive-1", Mode.RW, NOW)
        assert read_description(layout).retention is RetentionPolicy.PERMANENT

    def test_refuses_a_folder_with_other_things(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.doc").touch()
        with pytest.raises(NotAnElement, match=r"thesis\.doc"):
            create_element(tmp_path, "x", Mode.RW, NOW)

    def test_refuses_documents_of_which_no_element_tells(self, layout: Layout) -> None:
        path = store(layout, NOW)
        layout.description.unlink()
        with pytest.raises(NotAnElement, match=f"{re.escape(path)}.*artstore storage adopt"):
            create_element(layout.root, "x", Mode.RW, NOW)


class TestPlaceFormatPage:
    def test_writes_only_when_it_differs(self, layout: Layout) -> None:
        before = layout.format_page.stat().st_ino
        place_format_page(layout)
        assert layout.format_page.stat().st_ino == before
        layout.format_page.write_text("old")
        place_format_page(layout)
        assert layout.format_page.stat().st_size > 3


def members_of(layout: Layout) -> dict[str, Any]:
    """What ``element.json`` says, but for its seal."""
    members: dict[str, Any] = json.loads(layout.description.read_bytes())
    del members["element_crc32"]
    return members


class TestDescription:
    def test_keeps_members_of_later_versions(self, layout: Layout) -> None:
        members = members_of(layout) | {"format_version": "1.7", "later": [1]}
        layout.description.write_text(json.dumps(members))
        write_description(layout, read_description(layout).with_mode(Mode.RO))
        assert members_of(layout) == members | {"mode": "ro"}

    def test_knows_the_folders_of_adopted_documents(self, layout: Layout) -> None:
        assert read_description(layout).folders == ("files",)
        adopted = Adopted(("2024", "files", ".", "ä b"), 5, "0" * 64)
        write_description(layout, replace(read_description(layout), adopted=adopted))
        assert read_description(layout).adopted == adopted
        assert read_description(layout).folders == ("files", "2024", ".", "ä b")

    @given(st.data())
    def test_any_changed_byte_is_seen(self, data: st.DataObject) -> None:
        whole = ElementDescription("e", Mode.RW, RetentionPolicy.PERMANENT, NOW).to_bytes()
        assert is_sealed_description(whole)
        damaged = bytearray(whole)
        damaged[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
        assert not is_sealed_description(bytes(damaged))

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(NotAnElement, match="cannot be read"):
            read_description(Layout(tmp_path))

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"format_version": "2.0"}, "not known"),
            ({"id": ""}, "id is missing"),
            ({"id": 5}, "id is missing"),
            ({"mode": "open"}, "open"),
            ({"retention": "long"}, "long"),
            ({"created_at": "yesterday"}, "yesterday"),
            ({"created_at": "2026-11-23T12:01:02"}, "no zone"),
            ({"adopted": 1}, "adopted has not folders"),
            ({"adopted": {"folders": ["2024"], "documents": 1}}, "adopted has not folders"),
            ({"adopted": {"folders": ["wal"], "documents": 1, "list_sha256": ""}}, "'wal' is no folder"),
            ({"adopted": {"folders": ["a/b"], "documents": 1, "list_sha256": ""}}, "'a/b' is no folder"),
            ({"adopted": {"folders": [".."], "documents": 1, "list_sha256": ""}}, "is no folder"),
            ({"adopted": {"folders": [1], "documents": 1, "list_sha256": ""}}, "1 is no folder"),
            ({"element_crc32": "00000000"}, "element_crc32 is not that of the file"),
        ],
    )
    def test_invalid(self, layout: Layout, change: dict[str, object], reason: str) -> None:
        members = members_of(layout) | change
        layout.description.write_text(json.dumps(members))
        with pytest.raises(NotAnElement, match=reason):
            read_description(layout)

    @given(st.binary(max_size=200) | st.just(b"[" * 10000) | st.just(b" " * 70000))
    def test_takes_any_bytes(self, data: bytes) -> None:
        with pytest.raises(DescriptionInvalid):
            parse_description(data)


class TestFind:
    def test_finds_a_document_from_its_id_alone(self, layout: Layout) -> None:
        first, second = new_file_id(NOW), new_file_id(NOW)
        for file_id in (first, second):
            path = storage_path_of(folder_of(file_id), stored_name("a.b", "u", NOW, file_id))
            layout.document(path).parent.mkdir(parents=True, exist_ok=True)
            layout.attribute_file(path).touch()
            assert layout.find(file_id) == path

    def test_finds_nothing_where_nothing_is(self, layout: Layout) -> None:
        assert layout.find(new_file_id(NOW + timedelta(days=1))) is None


class TestAttributeFiles:
    def test_walks_in_order_and_continues_anywhere(self, layout: Layout) -> None:
        names = ["x", "x!", "x!y.txt", "a.txt", "文.txt"]
        for hours in (0, 1, 30, 24 * 40):
            for name in names:
                store(layout, NOW + timedelta(hours=hours), name)
        (layout.files / "2026" / "stranger.txt").touch()
        (layout.files / ".tmp-0123.attr.json").touch()
        walked = list(layout.attribute_files())
        assert len(walked) == 20
        assert [path.rpartition("/")[0] for path in walked] == sorted(
            path.rpartition("/")[0] for path in walked
        )
        for index, path in enumerate(walked):
            assert list(layout.attribute_files(after=path)) == walked[index + 1 :]
        layout.attribute_file(walked[7]).unlink()
        assert list(layout.attribute_files(after=walked[7])) == walked[8:]

    def test_of_nothing_is_nothing(self, tmp_path: Path) -> None:
        assert list(Layout(tmp_path).attribute_files()) == []

    def test_other_folders_hold_documents_where_the_element_says_so(self, layout: Layout) -> None:
        for path in ("2024/b.txt", "2024/01/a.txt", "z.txt", "a.txt", "other/o.txt", "wal/w.txt"):
            layout.attribute_file(path).parent.mkdir(parents=True, exist_ok=True)
            layout.attribute_file(path).touch()
            layout.document(path).touch()
        own = store(layout, NOW)
        assert list(layout.attribute_files()) == [own]
        adopted = Layout(layout.root, ["files", ".", "2024"])
        walked = ["2024/01/a.txt", "2024/b.txt", "a.txt", own, "z.txt"]
        assert list(adopted.attribute_files()) == walked
        for index, path in enumerate(walked):
            assert list(adopted.attribute_files(after=path)) == walked[index + 1 :]
        assert sorted(path for path, _ in adopted.root_files()) == [
            *("a.txt", "a.txt.attr.json", "z.txt", "z.txt.attr.json")
        ]
        assert list(layout.root_files()) == []


class TestSegments:
    def test_are_given_oldest_first(self, layout: Layout) -> None:
        for first in (900, 1, 12):
            layout.segment(first).touch()
        (layout.wal / "checkpoint.json").touch()
        (layout.wal / "lock").touch()
        assert layout.segments() == [layout.segment(first) for first in (1, 12, 900)]
