"""Building an element around an archive: what fits, what does not, and that nothing is moved or rewritten."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from artstore.attributes import FileAttributes, FileId, folder_of, new_file_id, stored_name
from artstore.engine import ElementMismatch, Engine, EngineOptions, Locked, Mode
from artstore.engine.adopted import AdoptedList
from artstore.engine.adoption import Adoption, CannotAdopt, adopt
from artstore.engine.adoption.sorting import SortedLines
from artstore.engine.layout import Layout, read_description
from artstore.engine.verify import Progress, verify
from tests.support.archives import VERSION_2, leave, tree

LONG_AGO = datetime(2023, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def archive(root: Path) -> dict[str, str]:
    """An archive with all that may be unusual and fits; the path of each document by its id."""
    timed = new_file_id(LONG_AGO)
    paths: dict[str, dict[str, Any]] = {
        "2024/01/15/10/name.pdf": {},
        "2024/01/15/10/second.pdf": {"storage_path": "2024/01/15/10/second.pdf", **VERSION_2},
        "2024/01/15/11/third.pdf": {"storage_path": "/data/storage/element1/2024/01/15/11", **VERSION_2},
        "2024/01/15/11/no path.pdf": {"storage_path": None, "storage_filename": None},
        "files/2024/02/03/04/within.txt": {"storage_path": "C:\\old\\place"},
        "Отчёты и акты/отчёт № 5 («Восток»).docx": {},
        "deep/er/and/deeper/.hidden name": {},
        "in the root.bin": {"storage_path": ""},
        "line\nbreak/tab\there.txt": {},
        f"timed/{timed}.txt": {"file_id": str(timed), **VERSION_2},
        "named/actual.txt": {"storage_filename": "2020/01/actual.txt"},
    }
    return {leave(root, path, path.encode() * 50, **fields): path for path, fields in paths.items()}


def adopt_it(root: Path, **options: Any) -> Adoption:
    return adopt(root, **{"element_id": "old", **options})


def codes(adoption: Adoption) -> list[tuple[str, str]]:
    return sorted((finding.code, finding.path) for finding in adoption.findings)


def without_ours(files: dict[str, tuple[bytes, int, int]]) -> dict[str, tuple[bytes, int, int]]:
    ours = ("element.json", "FORMAT.md", "adopted.jsonl", "wal/", ".tmp-")
    return {path: content for path, content in files.items() if not path.startswith(ours)}


class TestAdopt:
    def test_fits_and_leaves_every_file_as_it_was(self, root: Path, archive: dict[str, str]) -> None:
        before = tree(root)
        adoption = adopt_it(root, mode=Mode.RO)
        assert adoption.findings == []
        assert adoption.fits
        assert adoption.changed
        assert adoption.documents == len(archive)
        assert without_ours(tree(root)) == before
        assert verify(root).findings == []

    def test_the_element_tells_what_was_adopted(self, root: Path, archive: dict[str, str]) -> None:
        adoption = adopt_it(root, mode=Mode.RO)
        element = read_description(Layout(root))
        assert element == adoption.element
        assert (element.id, element.mode) == ("old", Mode.RO)
        assert element.adopted is not None
        assert element.adopted.documents == len(archive)
        assert set(element.folders) == {
            "files",
            ".",
            *(p.split("/")[0] for p in archive.values() if "/" in p),
        }
        listed = AdoptedList(root / "adopted.jsonl")
        assert {str(document.file_id): document.path for document in listed} == archive
        listed.close()

    def test_mode_is_rw_if_none_is_given(self, root: Path) -> None:
        leave(root, "a/b.txt")
        assert adopt_it(root).element.mode is Mode.RW

    def test_what_was_stored_by_artstore_itself_needs_no_list(self, root: Path) -> None:
        file_id = new_file_id(LONG_AGO)
        name = stored_name("x.txt", "u", LONG_AGO, file_id)
        path = f"files/{folder_of(file_id)}/{name}"
        leave(root, path, file_id=str(file_id), storage_path=path, **VERSION_2)
        attributes = FileAttributes.of(json.loads((root / f"{path}.attr.json").read_bytes()))
        (root / f"{path}.attr.json").write_bytes(attributes.to_bytes())
        adoption = adopt_it(root)
        assert adoption.fits
        assert adoption.documents == 1
        assert adoption.element.adopted is None
        assert not (root / "adopted.jsonl").exists()
        assert verify(root).findings == []

    def test_tells_its_progress(self, root: Path, archive: dict[str, str]) -> None:
        told: list[Progress] = []
        adopt_it(root, progress=told.append)
        size = sum(len(path.encode()) * 50 for path in archive.values())
        assert told[-1] == Progress(len(archive), size, len(archive), size)

    def test_a_trial_changes_nothing(self, root: Path, archive: dict[str, str]) -> None:
        leave(root, "2024/bad.txt", checksum="0" * 64)
        before = tree(root)
        adoption = adopt_it(root, dry_run=True)
        assert codes(adoption) == [("D003", "2024/bad.txt")]
        assert not adoption.changed
        assert adoption.documents == len(archive)
        assert tree(root) == before
        assert {path.name for path in root.iterdir()}.isdisjoint({"wal", "staging", "element.json"})


def spoil_size(root: Path) -> None:
    (root / "a/x.txt").write_bytes(b"shorter")


def spoil_bytes(root: Path) -> None:
    (root / "a/x.txt").write_bytes(b"OLD CONTENT")


def lose_bytes(root: Path) -> None:
    (root / "a/x.txt").unlink()


def lose_attributes(root: Path) -> None:
    (root / "a/x.txt.attr.json").unlink()


def spoil_attributes(root: Path) -> None:
    (root / "a/x.txt.attr.json").write_bytes(b"{}}")


def rename(root: Path) -> None:
    (root / "a/x.txt").rename(root / "a/y.txt")
    (root / "a/x.txt.attr.json").rename(root / "a/y.txt.attr.json")


def name_in_no_unicode(root: Path) -> None:
    for suffix in ("", ".attr.json"):
        (root / f"a/x.txt{suffix}").rename(root / "a" / os.fsdecode(b"\xff.txt" + suffix.encode()))


def name_with_backslash(root: Path) -> None:
    for suffix in ("", ".attr.json"):
        (root / f"a/x.txt{suffix}").rename(root / f"a/c:\\x.txt{suffix}")


def link(root: Path) -> None:
    (root / "a/x.txt").rename(root / "elsewhere")
    (root / "a/x.txt").symlink_to("../elsewhere")


def copy(root: Path) -> None:
    (root / "copy").mkdir()
    for suffix in ("", ".attr.json"):
        (root / f"copy/g.txt{suffix}").write_bytes((root / f"good/g.txt{suffix}").read_bytes())


def leave_a_temporary_file(root: Path) -> None:
    (root / "a/.tmp-upload").touch()


def leave_a_stranger(root: Path) -> None:
    (root / "logs").mkdir()
    (root / "logs/today.log").touch()


DOES_NOT_FIT: list[tuple[Callable[[Path], None], list[tuple[str, str]]]] = [
    (spoil_size, [("D002", "a/x.txt")]),
    (spoil_bytes, [("D003", "a/x.txt")]),
    (lose_bytes, [("D001", "a/x.txt")]),
    (lose_attributes, [("O001", "a/x.txt")]),
    (spoil_attributes, [("A001", "a/x.txt.attr.json")]),
    (rename, [("N001", "a/y.txt")]),
    (name_in_no_unicode, [("N005", "a/\\xff.txt.attr.json")]),
    (name_with_backslash, [("N005", "a/c:\\x.txt.attr.json")]),
    (link, [("O004", "a/x.txt"), ("O005", "elsewhere")]),
    (copy, [("A005", "good/g.txt.attr.json")]),
    (leave_a_temporary_file, [("O002", "a/.tmp-upload")]),
    (leave_a_stranger, [("O005", "logs")]),
]
WRONG_MEMBERS: list[tuple[dict[str, Any], str]] = [
    ({"checksum": None}, "A003"),
    ({"checksum": "0" * 63}, "A003"),
    ({"created_at": "2024-01-15T10:30:00"}, "A003"),
    ({"file_id": "17"}, "A003"),
    ({"file_size": 0}, "A003"),
    ({"schema_version": "3.0"}, "A004"),
    ({"description": "x" * 5000}, "A002"),
    ({"attributes_crc32": "00000000"}, "A006"),
]


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("spoil", "expected"), DOES_NOT_FIT, ids=lambda value: getattr(value, "__name__", "")
    )
    def test_is_told_and_not_touched(
        self, root: Path, spoil: Callable[[Path], None], expected: list[tuple[str, str]]
    ) -> None:
        leave(root, "good/g.txt")
        leave(root, "a/x.txt")
        leave(root, "a/z.txt", b"sound")
        spoil(root)
        before = tree(root)
        adoption = adopt_it(root)
        assert codes(adoption) == expected
        assert not adoption.fits
        assert adoption.changed
        assert all(finding.what and finding.advice for finding in adoption.findings)
        assert without_ours(tree(root)) == before
        assert sorted((finding.code, finding.path) for finding in verify(root).findings) == expected

    @pytest.mark.parametrize(("fields", "code"), WRONG_MEMBERS, ids=lambda value: str(value)[:30])
    def test_members_that_no_version_allows(self, root: Path, fields: dict[str, Any], code: str) -> None:
        leave(root, "a/z.txt", b"sound")
        leave(root, "a/x.txt", **fields)
        adoption = adopt_it(root)
        assert codes(adoption) == [(code, "a/x.txt.attr.json")]
        assert adoption.documents == 1

    def test_is_taken_in_when_it_was_put_right(self, root: Path) -> None:
        leave(root, "a/good.txt")
        leave(root, "a/bad.txt", b"content", checksum=None)
        assert adopt_it(root).documents == 1
        leave(root, "a/bad.txt", b"content")
        leave(root, "b/added later.txt")
        again = adopt_it(root)
        assert again.fits
        assert again.changed
        assert again.documents == 3
        assert set(again.element.folders) == {"files", "a", "b"}
        assert verify(root).findings == []


class TestRefusals:
    def test_no_folder(self, root: Path) -> None:
        with pytest.raises(CannotAdopt, match="no such folder"):
            adopt_it(root)

    def test_nothing_to_adopt(self, root: Path) -> None:
        root.mkdir()
        (root / "notes.txt").touch()
        with pytest.raises(CannotAdopt, match=r"no file in it ends with \.attr\.json"):
            adopt_it(root)
        assert [path.name for path in root.iterdir()] == ["notes.txt"]

    @pytest.mark.parametrize(
        "path",
        [
            "staging/x",
            "wal/old.wal",
            "quarantine/x",
            "wal/00000000000000000001.log",
            "FORMAT.md",
            "adopted.jsonl",
        ],
    )
    def test_things_that_the_element_would_take_for_its_own(self, root: Path, path: str) -> None:
        leave(root, "a/b.txt")
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(b"x" * 200)
        before = tree(root)
        with pytest.raises(CannotAdopt, match=path.replace(".", r"\.")):
            adopt_it(root)
        assert tree(root) == before

    def test_a_file_where_a_folder_must_be(self, root: Path) -> None:
        leave(root, "a/b.txt")
        (root / "wal").touch()
        with pytest.raises(CannotAdopt, match="it has a wal"):
            adopt_it(root)

    def test_another_element(self, root: Path) -> None:
        leave(root, "a/b.txt")
        adopt_it(root)
        with pytest.raises(ElementMismatch, match="'other'"):
            adopt_it(root, element_id="other")
        with pytest.raises(ElementMismatch, match="the mode"):
            adopt_it(root, mode=Mode.RO)

    async def test_an_element_that_is_served(self, root: Path) -> None:
        leave(root, "a/b.txt")
        adopt_it(root)
        engine = await Engine.open(root, EngineOptions(create=False))
        try:
            for dry_run in (False, True):
                with pytest.raises((Locked, CannotAdopt)):
                    adopt_it(root, dry_run=dry_run)
        finally:
            await engine.close()

    def test_a_log_that_is_not_followed(self, root: Path) -> None:
        leave(root, "a/b.txt")
        adopt_it(root)
        (root / "wal/checkpoint.json").unlink()
        with pytest.raises(CannotAdopt, match="checkpoint cannot be read"):
            adopt_it(root)


class TestAgain:
    def test_changes_nothing(self, root: Path, archive: dict[str, str]) -> None:
        first = adopt_it(root)
        before = tree(root)
        again = adopt_it(root)
        assert not again.changed
        assert again.documents == first.documents
        assert again.element == first.element
        assert tree(root) == before

    async def test_changes_nothing_after_it_was_served(self, root: Path, archive: dict[str, str]) -> None:
        adopt_it(root)
        engine = await Engine.open(root, EngineOptions(create=False, keep_free_bytes=0))
        file_id = FileId((await engine.attributes(next_id(archive))).file_id)
        await engine.update(file_id, lambda found: found.changed(description="new"))
        await engine.close()
        again = adopt_it(root)
        assert again.fits
        assert not again.changed
        assert verify(root).findings == []

    @pytest.mark.parametrize("lost", ["removed", "flipped"])
    def test_makes_a_lost_list_anew(self, root: Path, archive: dict[str, str], lost: str) -> None:
        adopt_it(root)
        path = root / "adopted.jsonl"
        whole = path.read_bytes()
        if lost == "removed":
            path.unlink()
        else:
            path.write_bytes(whole.replace(b'"crc32"', b'"crc33"', 1))
        assert [finding.code for finding in verify(root).findings] == [
            "E007" if lost == "removed" else "E008"
        ]
        again = adopt_it(root)
        assert again.fits
        assert path.read_bytes() == whole
        assert verify(root).findings == []

    def test_does_not_take_damage_for_new(self, root: Path, archive: dict[str, str]) -> None:
        adopt_it(root)
        path = root / "2024/01/15/10/name.pdf.attr.json"
        path.write_bytes(path.read_bytes().replace(b"left by somebody", b"left by somebodx"))
        assert codes(adopt_it(root)) == [("A007", "2024/01/15/10/name.pdf.attr.json")]
        assert [finding.code for finding in verify(root).findings] == ["A007"]

    def test_does_not_take_an_own_document_that_lost_its_seal_for_an_old_one(self, root: Path) -> None:
        leave(root, "a/b.txt")
        adopt_it(root)
        file_id = new_file_id(datetime.now(UTC) + timedelta(seconds=1))
        path = f"files/{folder_of(file_id)}/{stored_name('x', 'u', datetime.now(UTC), file_id)}"
        leave(root, path, file_id=str(file_id), storage_path=path, **VERSION_2)
        assert codes(adopt_it(root)) == [("A006", f"{path}.attr.json")]


def next_id(archive: dict[str, str]) -> FileId:
    return FileId(UUID(next(iter(archive))))


class TestInterrupted:
    @pytest.mark.timeout(900)  # a process under strace for each of some dozens of system calls
    def test_anywhere_it_can_be_done_again(self, root: Path, archive: dict[str, str]) -> None:
        """Each run is killed one system call later than the one before that changes something on disk."""
        before = tree(root)
        program = (
            "import sys; from pathlib import Path; from artstore.engine.adoption import adopt\n"
            "adopt(Path(sys.argv[1]), element_id='old')"
        )
        calls = "mkdir,openat,write,pwrite64,fsync,rename,unlink"
        for number in range(1, 60):
            strace = [
                *("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"),
                *("-e", f"inject=fsync,rename,mkdir,unlink:signal=SIGKILL:when={number}"),
            ]
            done = subprocess.run([*strace, sys.executable, "-B", "-c", program, root], check=False)
            assert without_ours(tree(root)) == before
            if done.returncode == 0:
                break
            assert not (root / "element.json").exists() or not verify(root).damaged
        assert done.returncode == 0
        assert number > 5
        assert verify(root).findings == []
        assert adopt_it(root).documents == len(archive)


class TestSortedLines:
    def test_gives_all_lines_in_order_as_often_as_asked(self, tmp_path: Path) -> None:
        lines = [f"{number * 7919 % 1000:03d}\n".encode() for number in range(1000)]
        with SortedLines(tmp_path, piece_bytes=256) as sorted_lines:
            for line in lines:
                sorted_lines.add(line)
            assert sorted_lines.count == 1000
            assert list(sorted_lines) == sorted(lines)
            assert list(sorted_lines) == sorted(lines)
            assert list(tmp_path.iterdir()) == []
