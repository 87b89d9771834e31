"""Options that several commands have."""

import os
from pathlib import Path
from typing import Annotated

import typer

ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        help="The profile to use, else the one that ARTSTORE_PROFILE names, else data/profile.json.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object for each result, one on each line, and nothing else.")
]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Return when it is through, or as soon as it has begun.")
]


def folder_or_new(path: Path | None) -> Path | None:
    """A folder, or what can be made one. Raises BadParameter."""
    absolute = path.absolute() if path is not None else Path("/")
    there = next(place for place in (absolute, *absolute.parents) if os.path.lexists(place))
    if not os.path.isdir(there):  # noqa: PTH112 - says no of what may not be looked at
        raise typer.BadParameter(f"{there} is no folder; name a folder, or a place where one can be made")
    return path


DataFolder = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", callback=folder_or_new, help="Where all data is kept."),
]
