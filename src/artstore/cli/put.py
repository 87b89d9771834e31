"""``artstore put``: store files."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.attributes import RetentionPolicy
    from artstore.wire.documents import Document

STDIN = Path("-")


def register(app: typer.Typer) -> None:
    app.command("put", rich_help_panel="Documents")(put)


@dataclass(frozen=True)
class Labels:
    """What is said of every document of one call."""

    description: str | None
    custom_attributes: dict[str, Any] | None
    tags: list[str] | None
    retention_policy: "RetentionPolicy | None"
    version: str | None
    replaces: str | None
    ttl_days: int | None


def put(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files; - for standard input.")],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Store all files below folders too.")
    ] = False,
    attr: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="A custom attribute; K:=V takes V as JSON. May be repeated."),
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="T", help="A tag. May be repeated.")] = None,
    description: Annotated[str | None, typer.Option(metavar="TEXT")] = None,
    retention: Annotated[
        Literal["permanent", "temporary"] | None,
        typer.Option(help="How long to keep it; permanent unless said otherwise."),
    ] = None,
    ttl_days: Annotated[
        int | None,
        typer.Option(min=1, max=365, metavar="N", help="How many days to keep it; temporary ones only."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The file name to store one document under.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A name of your own for this version of the document.")
    ] = None,
    replaces: Annotated[
        str | None, typer.Option(metavar="ID", help="The document of which one file is the next version.")
    ] = None,
    all_or_none: Annotated[
        bool, typer.Option("--all-or-none", help="Store all of them in one step, or none where one fails.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Uploads at once.")] = 4,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Store files. Each is named on a line when it is safe.

    Example: artstore put -r contracts --tag 2025 --attr customer=Almaz --attr year:=2025
    """
    import anyio

    from artstore.attributes import RetentionPolicy
    from artstore.cli import exits

    if name is not None and (len(paths) != 1 or paths[0].is_dir()):
        raise typer.BadParameter("--name is for one file")
    if replaces is not None and (len(paths) != 1 or paths[0].is_dir()):
        raise typer.BadParameter("--replaces is for one file")
    if STDIN in paths and name is None:
        raise typer.BadParameter("standard input has no name; give one by --name")
    policy = RetentionPolicy(retention) if retention else None
    labels = Labels(description, _attributes(attr or []), tag, policy, version, replaces, ttl_days)
    files = list(_files(paths, recursive))
    put_all = _put_together if all_or_none else _put_all
    failed = anyio.run(put_all, files, labels, name, jobs, profile, as_json)
    if failed:
        raise typer.Exit(exits.FAILED)


def _attributes(given: list[str]) -> dict[str, Any] | None:
    import json

    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or key in ("", ":"):
            raise typer.BadParameter(f"{text!r} is not of the form K=V or K:=V")
        if key.endswith(":"):
            try:
                found[key[:-1]] = json.loads(value)
            except ValueError as error:
                raise typer.BadParameter(f"{value!r} is not JSON: {error}") from error
        else:
            found[key] = value
    return found or None


def _files(paths: list[Path], recursive: bool) -> Iterator[Path]:
    from artstore.launcher.demo.documents import files_below

    for path in paths:
        if path == STDIN or not path.is_dir():
            yield path
        elif recursive:
            yield from files_below(path)
        else:
            raise typer.BadParameter(f"{path} is a folder; -r stores what is below it")


async def _put_together(
    files: list[Path], labels: Labels, name: str | None, jobs: int, profile: Path | None, as_json: bool
) -> int:
    """Stores the files as one batch; how many failed, which is why none was stored then."""
    import anyio

    from artstore.attributes import RetentionPolicy
    from artstore.cli.output import say
    from artstore.sdk import AsyncClient

    policy = labels.retention_policy or RetentionPolicy.PERMANENT
    async with AsyncClient(profile) as client:
        batch = await client.batches.open(retention_policy=policy, expected_bytes=_bytes_of(files))
        try:
            failed = await _put_all(files, labels, name, jobs, profile, as_json, batch.batch_id)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await client.batches.abort(batch.batch_id)
            raise
        if failed:
            await client.batches.abort(batch.batch_id)
            say(f"none of the {len(files)} files was stored")
        else:
            await client.batches.commit(batch.batch_id, documents=len(files))
            say(f"all {len(files)} files are stored")
    return failed


def _bytes_of(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file())


async def _put_all(
    files: list[Path],
    labels: Labels,
    name: str | None,
    jobs: int,
    profile: Path | None,
    as_json: bool,
    batch: str | None = None,
) -> int:
    """Stores the files, several at once; how many failed. A single one's error is raised as it is."""
    import anyio

    from artstore.cli.output import clean, say
    from artstore.cli.progress import Advance, progress_bar
    from artstore.sdk import ArtStoreError, AsyncClient
    from artstore.sdk.progress import advancing

    failed = 0
    places = anyio.Semaphore(jobs)

    async def put_one(client: AsyncClient, file: Path, advance: Advance) -> None:
        nonlocal failed
        try:
            content = sys.stdin.buffer if file == STDIN else file
            document = await client.upload(
                content,
                filename=name,
                description=labels.description,
                custom_attributes=labels.custom_attributes,
                tags=labels.tags,
                retention_policy=labels.retention_policy,
                version=labels.version,
                replaces=labels.replaces,
                ttl_days=labels.ttl_days,
                batch=batch,
                progress=advancing(advance),
            )
        except (ArtStoreError, OSError) as error:
            if len(files) == 1:
                raise
            failed += 1
            say(clean(f"{file}: {error}"))
        else:
            _show(document, as_json)
        finally:
            places.release()

    total = _bytes_of(files)
    async with AsyncClient(profile) as client:
        with progress_bar("storing", total or None, shown=not as_json) as advance:
            if len(files) == 1:
                await places.acquire()
                await put_one(client, files[0], advance)
                return failed
            async with anyio.create_task_group() as group:
                for file in files:
                    await places.acquire()
                    group.start_soon(put_one, client, file, advance)
    return failed


def _show(document: "Document", as_json: bool) -> None:
    from artstore.cli.output import clean, print_json, size_word

    if as_json:
        print_json(document)
    else:
        name = clean(document.original_filename)
        print(f"{document.file_id}  {size_word(document.file_size):>9}  {name}", flush=True)
