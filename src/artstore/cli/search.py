"""``artstore search``: find documents by words and by what they are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli import search_options as of
from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.cli.marked import Marked
    from artstore.sdk import Client
    from artstore.sdk.searches import SearchOptions
    from artstore.wire.search import FoundDocument, Highlight, SearchAnswer

_PAGE = 100
_NAME = ["original_filename"]


def register(app: typer.Typer) -> None:
    app.command("search", rich_help_panel="Documents", cls=of.SearchCommand)(search)


def search(
    words: of.Words = None,
    mode: of.Mode = None,
    sort: of.Sort = None,
    content_type: of.ContentType = None,
    extension: of.Extension = None,
    size_min: of.SizeMin = None,
    size_max: of.SizeMax = None,
    created_from: of.CreatedFrom = None,
    created_before: of.CreatedBefore = None,
    updated_from: of.UpdatedFrom = None,
    updated_before: of.UpdatedBefore = None,
    account: of.Account = None,
    account_id: of.AccountId = None,
    element: of.Element = None,
    retention: of.Retention = None,
    tag: of.Tag = None,
    attribute: of.Attribute = None,
    highlight: Annotated[bool, typer.Option("--highlight", help="Show where the words were found.")] = False,
    corrections: Annotated[
        bool, typer.Option("--corrections", help="Where nothing is found, ask for the nearest words.")
    ] = False,
    total: Annotated[bool, typer.Option("--total", help="Say how many documents there are.")] = False,
    facet: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACET",
            help="Say how many documents have which value: type, extension, element, account, retention, tag,"
            " year, attribute:name; may be repeated.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many documents.")] = 20,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Find documents by name, description, tags, attributes or author; the newest first.

    Nothing found is exit code 4.

    Example: artstore search договор 2025 -draft --extension pdf --attribute 'pages>=10' --highlight

    Example: artstore search --created-from 2025-01-01 --sort -size --facet tag --total --json
    """
    from artstore.cli import exits
    from artstore.cli.output import print_json, say
    from artstore.sdk import Client

    options = of.asked(locals())
    with Client(profile) as client:
        first = client.search_page(
            of.question(words),
            limit=min(limit, _PAGE),
            corrections=corrections,
            total=total,
            facet=facet or (),
            highlight=highlight,
            **options,
        )
        # What was corrected is not corrected again, page after page.
        asked = first.corrected if first.corrected is not None else of.question(words)
        found, has_more = _found(client, asked, first, limit, highlight, options)
    if as_json:
        for hit in found:
            print_json(hit)
        if corrections or total or facet:
            print_json(first.model_dump(mode="json", exclude={"items", "next_cursor"}, exclude_none=True))
    else:
        _show(found, first, highlight=highlight)
    if has_more:
        say("there are more: --limit N shows as many, `artstore export` has all")
    if not found:
        raise typer.Exit(exits.NOT_FOUND)


def _found(
    client: "Client",
    asked: str,
    page: "SearchAnswer",
    limit: int,
    highlight: bool,
    options: "SearchOptions",
) -> tuple[list["FoundDocument"], bool]:
    """Those of this page and of the ones that follow, and whether there are more than ``limit``."""
    found = list(page.items)
    while len(found) < limit and page.next_cursor is not None:
        page = client.search_page(
            asked,
            limit=min(limit - len(found), _PAGE),
            cursor=page.next_cursor,
            corrections=False,
            highlight=highlight,
            **options,
        )
        found += page.items
    return found, page.next_cursor is not None


def _show(found: Sequence["FoundDocument"], answer: "SearchAnswer", *, highlight: bool) -> None:
    from artstore.cli.output import clean, print_table, say

    if answer.corrected is not None:
        say(f"nothing was found of what was asked; this is of: {clean(answer.corrected)}")
    if found:
        more = ["found"] if highlight else []
        rows = [_row(hit, highlight=highlight) for hit in found]
        print_table(["id", "size", "stored", "element", "name", *more], rows)
    for name, facet in (answer.facets or {}).items():
        values = ", ".join(f"{clean(_written(one.value))} {one.count}" for one in facet.values)
        say(f"{clean(name)}: {values or '-'}{', …' if facet.more else ''}")
    if answer.faceted is not None and not answer.faceted.all:
        say(f"(of the {answer.faceted.value} newest documents)")
    if answer.total is not None:
        say(f"{'' if answer.total.exact else 'about '}{answer.total.value} documents")


def _written(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _row(hit: "FoundDocument", *, highlight: bool) -> list["str | Marked"]:
    from artstore.cli.marked import Marked
    from artstore.cli.output import size_word

    row: list[str | Marked] = [
        str(hit.file_id),
        size_word(hit.file_size),
        hit.created_at.strftime("%Y-%m-%d %H:%M"),
        hit.element_id,
    ]
    if not highlight:
        return [*row, hit.original_filename]
    of_name = [one for one in hit.highlights or () if one.path == _NAME]
    whole = of_name if len(of_name) == 1 and not (of_name[0].cut_before or of_name[0].cut_after) else []
    others = [one for one in hit.highlights or () if one not in whole]
    name = Marked([_parts(whole[0])]) if whole else hit.original_filename
    return [*row, name, Marked([_line(one) for one in others])]


def _line(found: "Highlight") -> list[tuple[str, bool]]:
    path = ".".join(map(str, found.path)).removeprefix("custom_attributes.")
    before, after = "…" if found.cut_before else "", "…" if found.cut_after else ""
    return [(f"{path}: {before}", False), *_parts(found), (after, False)]


def _parts(found: "Highlight") -> list[tuple[str, bool]]:
    return [(part.text, part.match) for part in found.parts]
