"""Every rule of FORMAT.md has a code, an advice, and a damaged element that breaks it alone."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artstore.attributes import FileAttributes, folder_of, is_sealed, parse
from artstore.engine import layout
from artstore.engine.description import is_sealed_description
from artstore.engine.log.checkpoint import decode_checkpoint
from artstore.engine.verify import Rule, Severity, verify

FIXTURES = Path(__file__).parents[2] / "fixtures" / "format"
MAKER = FIXTURES.parent / "make_format_fixtures.py"
PAGE = Path(layout.__file__).with_name("FORMAT.md").read_text()
ELEMENTS = sorted(path for path in FIXTURES.iterdir() if path.is_dir())
CLEAN = [root for root in ELEMENTS if root.name.startswith("clean")]
DAMAGED = [root for root in ELEMENTS if root not in CLEAN]
UNREADABLE = "E005"
"""No file in a repository can be unreadable for everybody: strace makes reading it fail."""
BACKSLASH = "N005"
"""Not every disk that a repository is copied to can hold such a name: the test makes it."""


def codes(root: Path) -> list[str]:
    return [finding.code for finding in verify(root).findings]


def tree(root: Path) -> dict[str, bytes]:
    def content(path: Path) -> bytes:
        return str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()

    entries = (path for path in root.rglob("*") if path.is_symlink() or path.is_file())
    return {path.relative_to(root).as_posix(): content(path) for path in entries}


class TestDamagedElements:
    @pytest.mark.parametrize("root", DAMAGED, ids=lambda root: root.name)
    def test_break_exactly_their_rule(self, root: Path, tmp_path: Path) -> None:
        expected = root.name.partition("_")[0]
        if expected == UNREADABLE:
            assert codes(root) == []
            assert codes_where_a_document_cannot_be_read(root) == [expected]
        elif expected == BACKSLASH:
            assert codes(root) == []
            assert codes_with_a_backslash_in_a_name(root, tmp_path / "copy") == [expected]
        else:
            assert codes(root) == [expected]

    def test_there_is_one_for_every_rule(self) -> None:
        assert [root.name.partition("_")[0] for root in DAMAGED] == sorted(rule.code for rule in Rule)

    @pytest.mark.parametrize("root", DAMAGED, ids=lambda root: root.name)
    def test_a_finding_says_where_what_and_what_to_do(self, root: Path) -> None:
        for finding in verify(root).findings:
            assert finding.path
            assert finding.what.startswith(finding.rule.title)
            assert finding.advice.endswith(".")
            assert str(finding).startswith(f"{finding.code} {finding.severity} {finding.path}: ")


def codes_where_a_document_cannot_be_read(root: Path) -> list[str]:
    (letter,) = (root / "files").rglob("letter*.txt")
    program = (
        "import sys, pathlib; from artstore.engine.verify import verify\n"
        "print(*(finding.code for finding in verify(pathlib.Path(sys.argv[1])).findings))"
    )
    strace = ["strace", "-qq", "-o", "/dev/null", "-P", str(letter), "-e", "inject=read:error=EIO"]
    done = subprocess.run(
        [*strace, sys.executable, "-B", "-c", program, str(root)], check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def codes_with_a_backslash_in_a_name(root: Path, copy: Path) -> list[str]:
    shutil.copytree(root, copy)
    (letter,) = (copy / "files").rglob("letter*.txt")
    for path in (letter, letter.with_name(f"{letter.name}.attr.json")):
        path.rename(path.with_name(path.name.replace("letter", "le\\ter")))
    return codes(copy)


class TestCleanElements:
    @pytest.mark.parametrize("root", CLEAN, ids=lambda root: root.name)
    def test_give_no_finding(self, root: Path) -> None:
        report = verify(root)
        assert report.findings == []
        assert report.clean
        assert not report.damaged

    def test_are_counted(self) -> None:
        reports = {root.name: verify(root) for root in CLEAN}
        counted = {name: (each.documents, each.bytes, each.pending) for name, each in reports.items()}
        assert counted == {
            "clean": (3, 66, 0),
            "clean_coded": (3, 65, 0),
            "clean_adopted": (8, 116, 0),
            "clean_held": (1, 13, 0),
            "clean_new": (0, 0, 0),
            "clean_offline": (2, 0, 0),
            "clean_pending": (4, 96, 5),
            "clean_resumable": (3, 66, 0),
            "clean_batch": (3, 66, 0),
            "clean_scrubbed": (3, 66, 0),
            "clean_store": (2, 52, 2),
            "clean_version_1": (3, 30, 0),
        }

    def test_documents_elsewhere_are_told_of(self) -> None:
        told = {root.name: verify(root).store for root in CLEAN}
        assert told.pop("clean_store") == {"kind": "s3", "bucket": "archives", "prefix": "elements/fixture"}
        assert set(told.values()) == {None}

    def test_verification_changes_nothing(self) -> None:
        before = tree(FIXTURES)
        for root in ELEMENTS:
            verify(root)
        assert tree(FIXTURES) == before


def test_the_committed_elements_are_what_the_format_writes_today(tmp_path: Path) -> None:
    """A difference means that the format changed: old elements would be read by other rules."""
    subprocess.run([sys.executable, MAKER, tmp_path], check=True, stdout=subprocess.DEVNULL)
    committed = {path: content for path, content in tree(FIXTURES).items() if path != ".gitattributes"}
    assert tree(tmp_path) == committed


class TestFormatPage:
    def test_its_table_is_that_of_the_code(self) -> None:
        rows = re.findall(r"^\| ([A-Z]\d{3}) \| (\w+) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
        assert rows == [(rule.code, rule.severity, rule.title, rule.advice) for rule in Rule]

    def test_severities(self) -> None:
        assert {rule.severity for rule in Rule} == set(Severity)

    def test_the_example_of_attributes_is_valid_and_shows_every_member(self) -> None:
        example = self.example('"schema_version"')
        attributes = parse(example)
        assert is_sealed(example)
        assert attributes.to_bytes() == example
        assert set(json.loads(example)) == {*FileAttributes.model_fields, "attributes_crc32"}
        assert attributes.model_extra == {}
        assert attributes.storage_path.startswith(f"files/{folder_of(attributes.file_id)}/")

    def test_every_member_of_the_attributes_is_explained(self) -> None:
        explained = re.findall(r"`(\w+)`", self.section("### Attributes", "**The seal.**"))
        assert set(FileAttributes.model_fields) <= set(explained)

    def test_the_example_of_the_description_is_valid(self) -> None:
        description = layout.parse_description(self.example('  "format_version"'))
        assert description.unknown == {}
        assert description.to_bytes() == self.example('  "format_version"')

    def test_the_example_of_the_checkpoint_is_valid(self) -> None:
        checkpoint = decode_checkpoint(self.example(' "format": 1'))
        assert checkpoint.to_bytes() == self.example(' "format": 1')

    def test_its_program_seals_the_description(self, tmp_path: Path) -> None:
        (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
        path = tmp_path / "element.json"
        path.write_bytes((FIXTURES / "E002_element_json_invalid/element.json").read_bytes())
        assert not is_sealed_description(path.read_bytes())
        subprocess.run([sys.executable, "-c", program, path], check=True)
        assert is_sealed_description(path.read_bytes())

    def test_its_program_seals_an_attribute_file(self, tmp_path: Path) -> None:
        (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
        damaged = next((FIXTURES / "A006_seal_wrong" / "files").rglob("letter*.attr.json"))
        path = tmp_path / "x.attr.json"
        path.write_bytes(damaged.read_bytes())
        subprocess.run([sys.executable, "-c", program, path], check=True)
        assert is_sealed(path.read_bytes())

    def example(self, first_line: str) -> bytes:
        for block in self.blocks():
            if block.startswith("{\n" + first_line):
                return block.encode()
        raise AssertionError(first_line)

    def blocks(self) -> Iterator[str]:
        yield from re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)

    def section(self, start: str, end: str) -> str:
        return PAGE[PAGE.index(start) : PAGE.index(end)]
