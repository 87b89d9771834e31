"""How results are shown: to a person at a terminal, as plain lines, or as JSON for a program."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from artstore.cli.marked import Marked

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_word(size: float) -> str:
    """A size for people, in powers of ten as disks are sold: 1.5 MB."""
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.0f} B" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def clean(text: str) -> str:
    """Text of unknown origin for a terminal: control characters become visible and harmless."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def print_json(result: BaseModel | dict[str, Any]) -> None:
    """One object on one line."""
    if isinstance(result, BaseModel):
        print(result.model_dump_json(exclude_none=True), flush=True)
    else:
        print(json.dumps(result, ensure_ascii=False, default=str), flush=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence["str | Marked"]]) -> None:
    """A table at a terminal; elsewhere the same cells with tabs between, without a head."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(clean(cell) if isinstance(cell, str) else cell.plain() for cell in row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        # An id is no use when it is cut; what is long gives way.
        table.add_column(column, no_wrap=column == "id", overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(cell)) if isinstance(cell, str) else cell.rich() for cell in row))
    Console().print(table)


def say(message: str) -> None:
    """A sentence for the person, on stderr, so that results on stdout stay clean."""
    print(message, file=sys.stderr, flush=True)
