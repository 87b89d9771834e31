"""``artstore verify``: check the folders of elements, without a database."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.options import AsJson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from artstore.engine.verify import Finding, Report


def register(app: typer.Typer) -> None:
    app.command("verify", rich_help_panel="Systems")(verify)


def verify(
    roots: Annotated[list[Path], typer.Argument(metavar="ROOT…", help="The root folder of an element.")],
    as_json: AsJson = False,
) -> None:
    """Check an element that no service has open, against every rule of its FORMAT.md.

    Reads every byte, changes nothing, needs no database. Exit code 1 when anything is found.

    Example: artstore verify data/elements/rw-01
    """
    from artstore.cli import exits
    from artstore.cli.output import print_json, say
    from artstore.engine.errors import Locked
    from artstore.engine.verify import verify as check

    found = False
    for root in roots:
        try:
            report = check(root)
        except Locked as error:
            say(f"{root}: {error}")
            raise typer.Exit(exits.CANNOT_START) from error
        found = found or not report.clean
        if as_json:
            print_json(_as_members(report))
        else:
            _show(report)
    if found:
        raise typer.Exit(exits.FAILED)


def _as_members(report: "Report") -> dict[str, object]:
    return {
        "root": str(report.root),
        "clean": report.clean,
        "documents": report.documents,
        "bytes": report.bytes,
        "pending": report.pending,
        "store": report.store,
        "findings": finding_members(report.findings),
    }


def finding_members(findings: "Iterable[Finding]") -> list[dict[str, object]]:
    """Findings for programs."""
    return [
        {
            "code": finding.code,
            "severity": finding.severity,
            "path": finding.path,
            "what": finding.what,
            "advice": finding.advice,
        }
        for finding in findings
    ]


def show_findings(findings: "Iterable[Finding]") -> None:
    """Findings for people: where, what, and what to do."""
    from artstore.cli.output import clean

    for finding in findings:
        print(f"{finding.code} {finding.severity}  {clean(finding.path)}")
        print(f"      {clean(finding.what)}")
        print(f"      {finding.advice}")


def _show(report: "Report") -> None:
    from artstore.cli.output import clean, size_word

    show_findings(report.findings)
    pending = f", {report.pending} records of the log still to follow" if report.pending else ""
    verdict = "sound" if report.clean else f"{len(report.findings)} findings"
    print(f"{report.root}: {report.documents} documents, {size_word(report.bytes)}{pending}: {verdict}")
    if report.store is not None:
        place = ", ".join(f"{name} {value!r}" for name, value in report.store.items())
        print(f"      NOT checked: its other documents, which lie elsewhere ({clean(place)}).")
        print("      To check them, copy them into a copy of this folder: see docs/storage-on-s3.md.")
