"""Options that several commands have."""

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
DataFolder = Annotated[Path, typer.Option("--data", metavar="DIR", help="Where all data is kept.")]
