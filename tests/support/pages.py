"""The pages of documentation as tests read them: tables, code blocks, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^(```+|~~~+)(.*)$")
_RULE = re.compile(r"^\|(\s*:?-+:?\s*\|)+\s*$")
_LINK = re.compile(r"(?<!!)\[[^\]\[]*(?:\[[^\]]*\][^\]\[]*)*\]\(([^()\s]+(?:\([^()\s]*\))?)\)")
_CODE = re.compile(r"`([^`]+)`")


def pages() -> list[Path]:
    """Every page that a reader of the repository may come to, relative to the root."""
    found = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "changes").glob("*.md")]
    return sorted(path.relative_to(ROOT) for path in [*found, *(ROOT / "src").rglob("*.md")])


@dataclass(frozen=True)
class Block:
    """A fenced piece of a page: its language, which may be empty, and its text."""

    language: str
    text: str


@dataclass(frozen=True)
class Row:
    """A row of a table, by the words in the head of the table."""

    cells: dict[str, str]
    heading: str
    """The nearest heading above, without its signs."""

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    @property
    def name(self) -> str:
        """The first code span in the first cell."""
        return code_spans(next(iter(self.cells.values())))[0]


def read(name: str) -> str:
    """The text of a page below ``docs``."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks in one language, in order."""
    return [block.text for block in _blocks(text) if block.language == language]


def rows(text: str, first_column: str) -> list[Row]:
    """The rows of all tables whose first column has this head."""
    found = []
    heading = ""
    columns: list[str] | None = None
    lines = prose(text).splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
        if not line.startswith("|"):
            columns = None
        elif _RULE.match(following):
            columns = _cells(line)
        elif columns and columns[0] == first_column and not _RULE.match(line):
            found.append(Row(dict(zip(columns, _cells(line), strict=True)), heading))
    return found


def code_spans(text: str) -> list[str]:
    return _CODE.findall(text)


def links(text: str) -> list[str]:
    """The targets of the links in a page, as they are written."""
    return _LINK.findall(prose(text))


def anchors(text: str) -> set[str]:
    """What a link may name behind ``#``, as GitHub makes it of headings."""
    headings = [line.lstrip("#") for line in prose(text).splitlines() if re.match(r"#+ ", line)]
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    kept: list[str] = []
    fence = ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence) and not match[2].strip():
            fence = ""
        elif not fence:
            kept.append(line)
    return "\n".join(kept)


def _blocks(text: str) -> Iterator[Block]:
    fence, language, lines = "", "", list[str]()
    for line in text.splitlines():
        match = _FENCE.match(line)
        if match and not fence:
            fence, language, lines = match[1], match[2].strip(), []
        elif match and match[1].startswith(fence) and not match[2].strip():
            yield Block(language, "\n".join(lines) + "\n")
            fence = ""
        elif fence:
            lines.append(line)


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]
