"""``artstore storage scrub``: have an element check everything that it keeps."""

from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile, Wait

if TYPE_CHECKING:
    from artstore.sdk import Client
    from artstore.wire.scrub import ScrubFinding, ScrubReport


def register(group: typer.Typer) -> None:
    group.command("scrub")(scrub)


def scrub(
    element_id: Annotated[str, typer.Argument(metavar="ELEMENT", help="The id of the element.")],
    wait: Wait = True,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, instead of going on with a pass under way.")
    ] = False,
    pause: Annotated[
        bool, typer.Option("--pause", help="Read nothing more until a pass is asked for.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Begin nothing; tell what is known.")] = False,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Read every document, attribute file and piece of the log of an element and look for damage, while it
    serves.

    Exit code 1 when anything is wrong that could not be put right, 6 when not all could be checked. Needs an
    account that may write elements (--status: read them). An interruption ends the waiting, not the scrub;
    given again, the command joins the pass that is under way.

    Example: artstore storage scrub rw-01
    """
    from artstore.cli.output import print_json
    from artstore.sdk import Client

    if pause + status + restart > 1:
        raise typer.BadParameter("--restart, --pause and --status exclude each other")
    with Client(profile) as client:
        if status:
            report = client.scrub(element_id)
        elif pause:
            report = client.pause_scrub(element_id)
        else:
            report = _scrubbed(client, element_id, restart=restart, wait=wait, shown=wait and not as_json)
        found = list(client.scrub_findings(element_id))
    if as_json:
        print_json(report.model_copy(update={"findings": found}))
    else:
        _show(report, found)
    if status or (wait and not pause):
        raise typer.Exit(_code_of(report, waited=not status))


def _scrubbed(client: "Client", element_id: str, *, restart: bool, wait: bool, shown: bool) -> "ScrubReport":
    from artstore.cli.progress import progress_bar
    from artstore.sdk.progress import advancing

    # What is there to read, before: a pass that is joined tells where it is.
    total = next((one.used_bytes for one in client.elements() if one.element_id == element_id), 0)
    with progress_bar(f"scrub of {element_id}", total, shown=shown) as advance:
        return client.start_scrub(element_id, restart=restart, wait=wait, progress=advancing(advance))


def _code_of(report: "ScrubReport", *, waited: bool) -> int:
    from artstore.cli import exits

    if report.open_findings or report.damaged_documents:
        return exits.FAILED
    stopped = report.current is not None and report.status != "running"
    not_judged = report.current is None and report.last is not None and report.last.unsure > 0
    return exits.UNAVAILABLE if waited and (stopped or not_judged) else exits.OK


def _show(report: "ScrubReport", found: "list[ScrubFinding]") -> None:
    from artstore.cli.output import size_word

    for finding in found:
        _show_finding(finding)
    if report.current is not None:
        under_way = report.current
        reason = f" ({report.waits_for})" if report.waits_for else ""
        print(
            f"{report.element_id}: {report.status}{reason}: pass {under_way.number}, {under_way.documents} of"
            f" about {under_way.total_documents} documents, {size_word(under_way.bytes)}"
        )
    elif report.last is None:
        print(f"{report.element_id}: {report.status}: nothing was checked yet")
    else:
        done = report.last
        unsure = f", {done.unsure} places could not be judged" if done.unsure else ""
        print(
            f"{report.element_id}: {done.documents} documents, {size_word(done.bytes)} checked by"
            f" {done.ended_at:%Y-%m-%d %H:%M:%S} UTC{unsure}: {_verdict(report)}"
        )


def _show_finding(finding: "ScrubFinding") -> None:
    from artstore.cli.output import clean

    print(f"{finding.code} {finding.severity}  {clean(finding.path)}")
    print(f"      {clean(finding.what)}")
    if finding.repaired_from is not None:
        kept = f"; what was there is kept as {clean(finding.kept_as)}" if finding.kept_as else ""
        print(f"      Put right from: {finding.repaired_from}{kept}")
    elif finding.open:
        print(f"      {finding.advice}")
    else:
        print("      It is right again.")


def _verdict(report: "ScrubReport") -> str:
    if report.open_findings:
        return f"{report.open_findings} findings are open"
    if report.damaged_documents:
        return f"{report.damaged_documents} documents are damaged"
    return "sound"
