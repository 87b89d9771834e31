"""Text of which parts are marked: in colour at a terminal, plain elsewhere."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from artstore.cli.output import clean

if TYPE_CHECKING:
    from rich.text import Text

_STYLE = "bold green"
_BETWEEN = " | "
"""Lines, where the text must be one."""


@dataclass(frozen=True)
class Marked:
    """Lines of parts, each with whether it is marked. Whatever the parts hold is harmless to a terminal."""

    lines: list[list[tuple[str, bool]]]

    def plain(self) -> str:
        return _BETWEEN.join("".join(clean(text) for text, _ in line) for line in self.lines)

    def rich(self) -> "Text":
        from rich.text import Text

        shown = Text()
        for number, line in enumerate(self.lines):
            if number:
                shown.append("\n")
            for text, marked in line:
                shown.append(clean(text), style=_STYLE if marked else None)
        return shown
