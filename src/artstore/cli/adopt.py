"""``artstore storage adopt``: make an element of an archive that other software left."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from artstore.cli.options import AsJson
from artstore.cli.verify import finding_members, show_findings

if TYPE_CHECKING:
    from contextlib import ExitStack

    from artstore.engine.adoption import Adoption
    from artstore.engine.verify import Notify, Progress


def register(group: typer.Typer) -> None:
    group.command("adopt")(adopt)


def adopt(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The folder in which the archive lies.")],
    element_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="The element's name; made of the folder's if not given."),
    ] = None,
    mode: Annotated[
        Literal["edit", "rw", "ro", "ar"] | None,
        typer.Option(help="What the new element allows; rw if not given."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and tell; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make an element of an archive of version 1.0 or 2.0, where it lies.

    Checks every document with its attribute file, wherever below ROOT they are, and builds the element around
    them: no byte of them is moved or rewritten. What does not fit is told, left as it is, and makes the exit
    code 1; put it right and adopt again.

    Example: artstore storage adopt /srv/old-archive --id archive-2019 --mode ro
    """
    from contextlib import ExitStack

    from artstore.cli import exits
    from artstore.cli.output import print_json, say
    from artstore.engine.adoption import CannotAdopt
    from artstore.engine.adoption import adopt as adopt_archive
    from artstore.engine.description import Mode
    from artstore.engine.errors import ElementMismatch, Locked, NotAnElement

    try:
        with ExitStack() as stack:
            adoption = adopt_archive(
                root,
                element_id=element_id or _name_of(root),
                mode=Mode(mode) if mode else None,
                dry_run=dry_run,
                progress=None if as_json else _bar(stack),
            )
    except (CannotAdopt, ElementMismatch, NotAnElement) as error:
        say(f"artstore: {error}")
        raise typer.Exit(exits.REJECTED) from error
    except Locked as error:
        say(f"artstore: {error}")
        raise typer.Exit(exits.CANNOT_START) from error
    if as_json:
        print_json(_as_members(root, adoption, dry_run=dry_run))
    else:
        _show(root, adoption, dry_run=dry_run)
    if not adoption.fits:
        raise typer.Exit(exits.FAILED)


def _name_of(root: Path) -> str:
    """A name for the element, made of that of its folder. Raises typer.BadParameter where there is none."""
    import re

    name = re.sub("[^a-z0-9]+", "-", root.resolve().name.lower()).strip("-")[:63].rstrip("-")
    if not name:
        raise typer.BadParameter(f"no name for the element can be made of {root.name!r}; give one by --id")
    return name


def _bar(stack: "ExitStack") -> "Notify":
    """A bar that begins when it is known how much there is."""
    from artstore.cli.progress import Advance, progress_bar

    advance: Advance | None = None
    before = 0

    def told(progress: "Progress") -> None:
        nonlocal advance, before
        if advance is None:
            advance = stack.enter_context(progress_bar("checking", progress.total_bytes))
        advance(progress.bytes - before)
        before = progress.bytes

    return told


def _as_members(root: Path, adoption: "Adoption", *, dry_run: bool) -> dict[str, object]:
    element = adoption.element
    return {
        "root": str(root),
        "element_id": element.id,
        "mode": element.mode,
        "folders": list(element.folders),
        "fits": adoption.fits,
        "changed": adoption.changed,
        "dry_run": dry_run,
        "documents": adoption.documents,
        "bytes": adoption.bytes,
        "findings": finding_members(adoption.findings),
    }


def _show(root: Path, adoption: "Adoption", *, dry_run: bool) -> None:
    from artstore.cli.output import clean, size_word

    show_findings(adoption.findings)
    element = adoption.element
    done = "would be" if dry_run else "is now" if adoption.changed else "was already"
    print(
        f"{root}: {adoption.documents} documents fit, {size_word(adoption.bytes)};"
        f" {len(adoption.findings) or 'no'} things do not"
    )
    if adoption.fits or not dry_run:
        print(f"It {done} the element {clean(element.id)}, mode {element.mode}.")
