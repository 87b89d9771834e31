"""``artstore demo``: see it work on real documents."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.options import folder_or_new

if TYPE_CHECKING:
    from artstore.launcher.demo import Account, Outcome, Step

_SHOWN_FIRST = 40
_SHOWN_LAST = 5


def register(app: typer.Typer) -> None:
    app.command("demo", rich_help_panel="Systems")(demo)


def demo(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A folder of yours; the samples if none is given.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            callback=folder_or_new,
            help="Keep the data here; a new temporary folder if not given.",
        ),
    ] = None,
    large_file: Annotated[
        bool, typer.Option(help="Also make and store one file of 300 MB, to show streaming.")
    ] = True,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the data folder at the end.")] = False,
) -> None:
    """Store a folder of real documents, find them, fetch them, compare them, show where they lie.

    Everything runs for real: PostgreSQL, Redis and all services, on free ports, stopped at the end. Exit code
    1 when anything was lost or differs.

    Example: artstore demo ~/Documents --no-large-file
    """
    import shutil
    import tempfile

    from artstore.cli import exits
    from artstore.launcher.demo import NothingToStore, samples_folder

    try:
        source = folder or samples_folder()
        place = data or Path(tempfile.mkdtemp(prefix="artstore-demo-"))
        code = _demo(source, place, large_file)
    except NothingToStore as error:
        raise typer.BadParameter(str(error)) from error
    if remove:
        shutil.rmtree(place)
    elif code != exits.INTERRUPTED:
        print(f"\nThe documents stay in {place} until you remove it: rm -r {place}")
    raise typer.Exit(code)


def _demo(source: Path, place: Path, large_file: bool) -> int:
    import time

    from artstore.cli import exits
    from artstore.launcher.demo import Demo
    from artstore.launcher.interrupt import Ending, run_until_interrupted
    from artstore.launcher.settings import SystemSettings
    from artstore.launcher.system import System

    audience = _Terminal()
    # Any free ports: a system on the usual ones is not disturbed.
    system = System(place, SystemSettings.from_environment(default_ports={}), say=audience.say)
    demonstration = Demo(system, source, audience, large_file=large_file)
    demonstration.gather()
    audience.say(f"Starting the system in {place} …")
    began = time.monotonic()

    def work() -> None:
        audience.say(f"Ready after {time.monotonic() - began:.1f} s.")
        demonstration.store_and_fetch()
        audience.say("Stopping the system, to check the elements' folders without it.")

    if run_until_interrupted(system, work, say=audience.say) is not Ending.FINISHED:
        return exits.INTERRUPTED
    demonstration.look_on_disk()
    _show(demonstration.outcome, system.folder.elements)
    return exits.OK if demonstration.outcome.good else exits.FAILED


class _Terminal:
    """Tells a person what goes on, with bars at a terminal."""

    def say(self, sentence: str) -> None:
        print(sentence, flush=True)

    def finished(self, step: "Step") -> None:
        from artstore.cli.output import size_word

        size = f", {size_word(step.bytes)}" if step.bytes else ""
        self.say(f"{step.name.capitalize()}: {step.documents} documents{size} in {step.seconds:.1f} s.")

    def progress(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        from artstore.cli.progress import progress_bar

        return progress_bar(label, total, as_bytes=label != "finding")


def _show(outcome: "Outcome", elements: Path) -> None:
    from artstore.cli.output import clean, size_word

    print(f"\nWhere each document lies, below {elements}:\n")
    accounts = outcome.accounts
    if len(accounts) > _SHOWN_FIRST + _SHOWN_LAST:
        _show_accounts(accounts[:_SHOWN_FIRST], elements)
        print(f"\n  … and {len(accounts) - _SHOWN_FIRST - _SHOWN_LAST} more …\n")
        _show_accounts(accounts[-_SHOWN_LAST:], elements)
    else:
        _show_accounts(accounts, elements)
    print(f"\n  {'':<36}{'documents':>10}{'bytes':>16}{'seconds':>10}{'MB/s':>8}")
    for step in outcome.steps:
        speed = f"{step.megabytes_per_second:.1f}" if step.megabytes_per_second else ""
        size = f"{step.bytes:,}" if step.bytes else ""
        print(f"  {step.name:<36}{step.documents:>10}{size:>16}{step.seconds:>10.2f}{speed:>8}")
    total = size_word(sum(account.size for account in accounts))
    for path in outcome.empty:
        print(f"\n  left out, for it is empty: {clean(str(path))}")
    for finding in outcome.findings:
        print(f"\n  finding: {clean(finding)}")
    troubled = [account for account in accounts if account.troubles]
    for account in troubled:
        print(f"\n  TROUBLE with {clean(str(account.source))}: {clean('; '.join(account.troubles))}")
    if outcome.good:
        print(
            f"\nAll {len(accounts)} documents ({total}) were stored, found and fetched: every bit the same."
        )
    else:
        print(f"\nNOT WELL: trouble with {len(troubled)} documents, {len(outcome.findings)} findings.")


def _show_accounts(accounts: "list[Account]", elements: Path) -> None:
    from artstore.cli.output import clean, size_word

    for account in accounts:
        print(f"  {size_word(account.size):>9}  {clean(account.source.name)}")
        if account.on_disk is not None:
            print(f"{'':>13}{clean(str(account.on_disk.relative_to(elements)))}")
    sys.stdout.flush()
