"""Stored names fit any file system whatever the client sends; file names are refused with a reason."""

import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from artstore.attributes import FilenameInvalid, attribute_name, check_filename, stored_name
from artstore.attributes.names import MAX_FILENAME_BYTES

AT = datetime(2026, 11, 23, 12, 1, 2, tzinfo=UTC)
ID = UUID("0193563f-5a00-7000-8000-000000000000")
ANY_TEXT = st.text(st.characters(), max_size=1200)
"""Half surrogates and control characters included."""


def name_of(original: str, username: str = "billing") -> str:
    return stored_name(original, username, AT, ID)


class TestStoredName:
    @given(original=ANY_TEXT, username=ANY_TEXT)
    @example("a" * 5000 + ".pdf", "u" * 5000)
    @example("я" * 3000, "ж" * 300)
    @example("文" * 3000 + ".文" * 40, "文")
    @example("." * 300, ".")
    @example("x." + "e" * 3000, "")
    @example("e\u0301" * 3000, "\u0301" * 3000)
    @example("", "")
    @example("../../etc/passwd", "../..")
    @example("C:\\boot.ini", "a/b")
    @example("👩‍👩‍👧‍👦" * 100, "👩‍👩‍👧‍👦" * 100)
    def test_fits_every_file_system(self, original: str, username: str) -> None:
        name = name_of(original, username)
        assert len(attribute_name(name).encode()) <= 255
        assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', name)
        assert not name.startswith(".")
        assert not name.endswith((" ", "."))
        assert not PureWindowsPath(name).is_reserved()
        assert f"_20261123T120102_{ID}" in name
        assert unicodedata.normalize("NFC", name) == name

    def test_can_be_created(self, tmp_path: Path) -> None:
        for original in ("文" * 1000, "🎉" * 1000 + ".png", "a\x00b/c\\d", "con.txt", "..", " "):
            path = tmp_path / attribute_name(name_of(original))
            path.write_bytes(b"x")
            assert path.parent == tmp_path
            assert path.name in {each.name for each in tmp_path.iterdir()}

    def test_keeps_what_is_harmless(self) -> None:
        assert name_of("отчёт за 2025.pdf") == f"отчёт за 2025_billing_20261123T120102_{ID}.pdf"

    @pytest.mark.parametrize(
        ("original", "stem", "extension"),
        [
            ("a.tar.gz", "a.tar", ".gz"),
            ("README", "README", ""),
            (".bashrc", "_bashrc", ""),
            ("...", "_..", ""),
            ("trailing.", "trailing.", ""),
            ("con.foo.txt", "_con.foo", ".txt"),
            ("com¹ .a.b", "_com¹ .a", ".b"),
            ("console.txt", "console", ".txt"),
            ("x.pd f ", "x", ".pd f_"),
            ("a:b?.pdf", "a_b_", ".pdf"),
            ("x." + "e" * 31, "x", "." + "e" * 31),
            ("x." + "e" * 32, "x." + "e" * 32, ""),
        ],
    )
    def test_takes_the_name_apart(self, original: str, stem: str, extension: str) -> None:
        assert name_of(original) == f"{stem}_billing_20261123T120102_{ID}{extension}"

    def test_cuts_between_whole_characters(self) -> None:
        family = "👩‍👩‍👧‍👦"
        stem = name_of(family * 20).partition("_")[0]
        assert stem
        assert stem == family * (len(stem) // len(family))
        accented = name_of("n\u0308" * 200).partition("_")[0]  # has no composed form
        assert accented.endswith("\u0308")

    def test_uses_the_whole_room(self) -> None:
        assert len(attribute_name(name_of("a" * 1000)).encode()) == 255
        assert len(attribute_name(name_of("文" * 1000)).encode()) >= 253

    def test_different_documents_never_share_one(self) -> None:
        other = UUID("0193563f-5a00-7000-8000-000000000001")
        assert stored_name("文" * 1000, "u", AT, ID) != stored_name("文" * 1000, "u", AT, other)


class TestCheckFilename:
    @pytest.mark.parametrize(
        "name", ["отчёт за 2025.pdf", "报告" * 100 + ".docx", "...", "a b", "-rf", "x" * 1000, 'q"q']
    )
    def test_keeps_a_good_one_unchanged(self, name: str) -> None:
        assert check_filename(name) == name

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("", "is empty"),
            ("  ", "is empty"),
            ("../x", "path separator"),
            ("a\\b", "path separator"),
            ("/etc/passwd", "path separator"),
            ("..", "names a folder"),
            (".", "names a folder"),
            ("a\x00b", "control character"),
            ("a\r\nb", "control character"),
            ("a\x7f", "control character"),
            ("a\x85", "control character"),
            ("x" * 5000, "5000 characters"),
            ("文" * 700, "2100 bytes"),
            ('"' * 999 + "文", "2001 bytes"),
            ("a\ud800", "not valid Unicode"),
        ],
    )
    def test_refuses_with_a_reason(self, name: str, reason: str) -> None:
        with pytest.raises(FilenameInvalid, match=reason) as caught:
            check_filename(name)
        assert caught.value.field == "original_filename"

    @given(ANY_TEXT)
    def test_what_passes_is_small_and_safe(self, name: str) -> None:
        try:
            check_filename(name)
        except FilenameInvalid:
            return
        assert len(name.encode()) + name.count('"') <= MAX_FILENAME_BYTES
        assert "/" not in name
        assert "\x00" not in name
