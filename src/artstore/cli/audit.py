"""``artstore audit verify|checkpoint|key``: the audit trail of Admin."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.admin.audit.verifying import Outcome, Sealed

app = typer.Typer(
    no_args_is_help=True, help="The audit trail: who did what, in a log that cannot be altered unseen."
)

_BEFORE = 500


@dataclass
class _Log:
    """The log as it is read from somewhere."""

    key: str | None
    entries: Iterable[Any]
    checkpoints: "Iterable[Sealed]"
    expected: int | None = None


@app.command()
def verify(
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A checkpoint that was kept elsewhere; may be repeated."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The verifier key, from elsewhere: name+hash+base64, or a file."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check an export (JSON Lines) instead of the system.")
    ] = None,
    database: Annotated[
        bool, typer.Option("--database", help="Read PostgreSQL itself, at ARTSTORE_ADMIN_DATABASE_URL.")
    ] = False,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Check that no entry was altered, removed or moved, and name the first one that was.

    Hashes every entry again and compares with every signed checkpoint. A log that was replaced as a whole is
    found only with a checkpoint and a key from elsewhere. Exit code 1 when anything is found.

    Example: artstore audit verify --checkpoint kept/checkpoint.txt --key kept/audit.key
    """
    from artstore.admin.audit.note import NoteInvalid, VerifierKey
    from artstore.admin.audit.verifying import LogCheck, Sealed
    from artstore.cli import exits
    from artstore.cli.output import say
    from artstore.cli.progress import progress_bar

    if file is not None and (key is None or not checkpoint):
        raise typer.BadParameter("a file proves nothing by itself: give --checkpoint and --key as well")
    if file is not None and database:
        raise typer.BadParameter("--file or --database, not both")
    kept = [Sealed(str(path), path.read_text(encoding="utf-8")) for path in checkpoint or []]
    with ExitStack() as stack:
        log = stack.enter_context(
            _of_file(file) if file else _of_database() if database else _of_api(profile)
        )
        if key is None:
            say("The key is that of the log itself; keep it elsewhere and give it with --key.")
        try:
            verifier = VerifierKey.parse(_key_text(key) if key is not None else log.key or "")
        except NoteInvalid as error:
            raise typer.BadParameter(str(error)) from error
        shown = not as_json
        advance = stack.enter_context(progress_bar("audit trail", log.expected, shown=shown, as_bytes=False))
        outcome = LogCheck(verifier, log.checkpoints, kept).run(_counted(log.entries, advance))
    _tell(outcome, str(verifier), as_json=as_json)
    if outcome.fault is not None:
        raise typer.Exit(exits.FAILED)


@app.command()
def checkpoint(profile: ProfileFile = None) -> None:
    """Print the newest checkpoint, a signed note, to be kept where nobody who runs the system can change it.

    Example: artstore audit checkpoint > kept/checkpoint.txt
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        print(client.audit_checkpoint(), end="")


@app.command()
def key(profile: ProfileFile = None) -> None:
    """Print the key that checkpoints are verified with, to be kept elsewhere as well.

    Example: artstore audit key > kept/audit.key
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        print(client.audit_key())


def _key_text(key: str) -> str:
    """The key itself, or what the file of that name holds."""
    path = Path(key)
    return path.read_text(encoding="utf-8") if key.count("+") < 2 or path.is_file() else key


def _counted(entries: Iterable[Any], advance: Any) -> Iterator[Any]:
    for number, entry in enumerate(entries, start=1):
        yield entry
        if number % _BEFORE == 0:
            advance(_BEFORE)


@contextmanager
def _of_api(profile: Path | None) -> Iterator[_Log]:
    from artstore.sdk import Client
    from artstore.sdk.errors import NotFound

    with Client(profile) as client:
        try:
            sealed = int(client.audit_checkpoint().split("\n")[1])
        except NotFound:
            sealed = 0
        newest = [record.index for page in client.audit_pages(order="newest", limit=1) for record in page]
        entries = (record.model_dump() for page in client.audit_pages(order="oldest") for record in page)
        checkpoints = ((one.tree_size, one.note) for page in client.checkpoint_pages() for one in page)
        size = newest[0] + 1 if newest else 0
        yield _Log(client.audit_key(), entries, _sealed(checkpoints, sealed), size)


def _sealed(checkpoints: Iterable[tuple[int, str]], until: int) -> "Iterator[Sealed]":
    """Checkpoints up to the newest one of the beginning: the log may grow while its entries are read."""
    from artstore.admin.audit.verifying import Sealed

    for size, note in checkpoints:
        if size > until:
            return
        yield Sealed(f"the checkpoint of {size} entries", note, size)


@contextmanager
def _of_file(path: Path) -> Iterator[_Log]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        yield _Log(None, (_parsed(line) for line in lines), [])


def _parsed(line: str) -> Any:
    """None for what is no JSON, which the check tells of as of any other entry that is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


@contextmanager
def _of_database() -> Iterator[_Log]:
    from artstore.admin.audit.reading import DatabaseLog
    from artstore.kernel.database import DatabaseDown
    from artstore.sdk.errors import Unavailable

    try:
        with DatabaseLog.open() as log:
            sealed = log.sealed_size()
            yield _Log(log.key(), log.entries(), _sealed(log.checkpoints(), sealed), log.size())
    except DatabaseDown as error:
        raise Unavailable(str(error)) from error


def _tell(outcome: "Outcome", verifier: str, *, as_json: bool) -> None:
    from artstore.cli.output import clean, print_json

    fault = outcome.fault
    if as_json:
        print_json(
            {
                "sound": fault is None,
                "entries": outcome.entries,
                "sealed": outcome.sealed,
                "checkpoints": outcome.checkpoints,
                "root_hash": outcome.root.hex(),
                "verifier_key": verifier,
                "fault": None if fault is None else vars(fault),
            }
        )
        return
    if fault is not None:
        print(f"ALTERED: {clean(fault.what)}")
        print(f"The {outcome.sealed} entries before the last good checkpoint are as they were sealed.")
        return
    unsealed = outcome.entries - outcome.sealed
    rest = (
        f"; {unsealed} are newer than the last checkpoint, and only their own hashes were compared"
        if unsealed
        else ""
    )
    print(f"{outcome.entries} entries, {outcome.checkpoints} checkpoints: sound{rest}")
