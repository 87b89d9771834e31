"""What ``search``, ``export`` and ``archive`` may be asked: words, of which some begin with a minus, and
filters.

The options have the names of the parameters of ``GET /api/v1/search``.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer
from typer.core import TyperCommand, TyperOption

if TYPE_CHECKING:
    from artstore.sdk.searches import SearchOptions

_MARK = "\0"
"""Before an argument that begins with a minus, so that it is taken for no option. No argument can hold it."""


class SearchCommand(TyperCommand):
    """A command in which ``-draft`` is a word that must not be there, as the language of questions has it.

    So of options with one minus only those are taken that stand alone (``-h``). Two minus signs begin an
    option, so that a misspelt one is refused and not searched for.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(self._marked(ctx, args)))

    def _marked(self, ctx: Any, args: list[str]) -> Iterator[str]:
        options = [option for option in self.params if isinstance(option, TyperOption)]
        names = {*ctx.help_option_names, *(name for option in options for name in option.opts)}
        with_value = {name for option in options if not option.is_flag for name in option.opts}
        rest = iter(args)
        for argument in rest:
            excluded = argument.startswith("-") and not argument.startswith("--") and argument != "-"
            yield _MARK + argument if excluded and argument not in names else argument
            if argument == "--":
                yield from rest
            elif argument in with_value:
                yield from (value for value in (next(rest, None),) if value is not None)


def question(words: list[str] | None) -> str:
    return " ".join(word.removeprefix(_MARK) for word in words or ())


class Policy(StrEnum):
    """Those of ``attributes``, which would take its time to load for a help text."""

    TEMPORARY = "temporary"
    PERMANENT = "permanent"


Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORDS…]",
        help="What is looked for: words, '\"a phrase\"', -not, or, begin*; none: all documents.",
    ),
]
Mode = Annotated[
    Literal["fulltext", "exact", "partial"] | None,
    typer.Option(help="Whether endings matter, or parts of words are enough; fulltext if not given."),
]
Sort = Annotated[
    Literal[
        "-created_at",
        "created_at",
        "name",
        "-name",
        "size",
        "-size",
        "updated_at",
        "-updated_at",
        "relevance",
    ]
    | None,
    typer.Option(help="The order; the newest first if not given."),
]
ContentType = Annotated[
    list[str] | None, typer.Option(metavar="TYPE", help="application/pdf, image/*; may be repeated.")
]
Extension = Annotated[
    list[str] | None, typer.Option(metavar="EXT", help="Of the file name; may be repeated.")
]
SizeMin = Annotated[int | None, typer.Option(metavar="BYTES", min=0, help="At least so large.")]
SizeMax = Annotated[int | None, typer.Option(metavar="BYTES", min=0, help="At most so large.")]
CreatedFrom = Annotated[
    str | None, typer.Option(metavar="TIME", help="Stored then or later: 2025-03-17, or a time of RFC 3339.")
]
CreatedBefore = Annotated[str | None, typer.Option(metavar="TIME", help="Stored before.")]
UpdatedFrom = Annotated[
    str | None, typer.Option(metavar="TIME", help="Attributes last changed then or later.")
]
UpdatedBefore = Annotated[str | None, typer.Option(metavar="TIME", help="Attributes last changed before.")]
Account = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Stored by this account; may be repeated.")
]
AccountId = Annotated[
    list[str] | None, typer.Option(metavar="ID", help="The same by its id; may be repeated.")
]
Element = Annotated[list[str] | None, typer.Option(metavar="ELEMENT", help="Lies there; may be repeated.")]
Retention = Annotated[list[Policy] | None, typer.Option(help="Has this policy; may be repeated.")]
Tag = Annotated[list[str] | None, typer.Option(metavar="TAG", help="Has all of these; may be repeated.")]
Attribute = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help="A custom attribute: name, !name, name=value, 'name>=10', outer.inner=x; all of these.",
    ),
]


def asked(parameters: Mapping[str, Any]) -> "SearchOptions":
    """Of all parameters of a command, those of a search that were given."""
    from artstore.sdk.searches import SearchOptions

    names = SearchOptions.__annotations__
    return cast(SearchOptions, {name: parameters[name] for name in names if parameters[name] is not None})
