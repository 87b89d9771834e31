"""The scrub in the words of the API (``wire.scrub``)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import timedelta

from artstore.engine import scrub as engine
from artstore.storage.files.cursors import invalid_cursor
from artstore.storage.scrub.alarm import Alarm
from artstore.storage.scrub.scrubbing import Scrubbing
from artstore.wire.scrub import (
    ScrubFinding,
    ScrubFindingPage,
    ScrubPass,
    ScrubReport,
    ScrubSchedule,
    ScrubStatus,
)

_FIRST_FINDINGS = 20

Place = tuple[int, int]
"""Of a finding in the list of all: the number of its pass, and which of that pass it is."""
_BEFORE_ALL: Place = (-1, -1)


def report(element_id: str, scrubbing: Scrubbing, alarm: Alarm) -> ScrubReport:
    scrub, schedule = scrubbing.scrub, scrubbing.schedule
    wrong = alarm.open_findings()
    first = {id(finding) for finding in wrong[:_FIRST_FINDINGS]}
    return ScrubReport(
        element_id=element_id,
        status=_status(scrubbing),
        waits_for=scrub.progress().failed,
        schedule=ScrubSchedule(
            enabled=schedule.enabled,
            days=schedule.within / timedelta(days=1),
            bytes_per_second=schedule.bytes_per_second,
            due_at=scrubbing.due_at(),
            within_reach=scrubbing.is_within_reach(),
        ),
        oldest_verified_at=scrub.oldest_verified(),
        damaged_documents=alarm.damaged_documents,
        open_findings=len(wrong),
        findings=[_finding(place, found, True) for place, found in _all(scrub) if id(found) in first],
        current=_current(scrub.progress()),
        last=_last(scrub.last_result()),
    )


def findings_page(
    scrubbing: Scrubbing, alarm: Alarm, *, is_open: bool | None, cursor: str | None, limit: int
) -> ScrubFindingPage:
    """Of the last whole pass and of the one under way, in the order in which they were found.

    ``is_open``: those that are, or those that are not; None: both. Raises Problem INVALID_CURSOR.
    """
    after = _BEFORE_ALL if cursor is None else _decoded(cursor)
    wrong = {id(finding) for finding in alarm.open_findings()}
    behind = [
        (place, found)
        for place, found in _all(scrubbing.scrub)
        if place > after and is_open in (None, id(found) in wrong)
    ]
    page = behind[:limit]
    return ScrubFindingPage(
        items=[_finding(place, found, id(found) in wrong) for place, found in page],
        next_cursor=_encoded(page[-1][0]) if len(behind) > limit else None,
    )


def _all(scrub: engine.Scrub) -> Iterator[tuple[Place, engine.ScrubFinding]]:
    last, current = scrub.last_result(), scrub.progress()
    for number, findings in (
        (last.number if last is not None else 0, last.findings if last is not None else ()),
        (current.number or 0, current.findings),
    ):
        for position, found in enumerate(findings):
            yield (number, position), found


def _finding(place: Place, found: engine.ScrubFinding, is_open: bool) -> ScrubFinding:
    return ScrubFinding(pass_number=place[0], open=is_open, **found.to_json_object())


def _status(scrubbing: Scrubbing) -> ScrubStatus:
    under_way = scrubbing.scrub.interrupted
    if under_way and scrubbing.scrub.running:
        return ScrubStatus.RUNNING
    if scrubbing.paused:
        return ScrubStatus.PAUSED
    return ScrubStatus.INTERRUPTED if under_way else ScrubStatus.IDLE


def _current(progress: engine.ScrubProgress) -> ScrubPass | None:
    if progress.number is None or progress.begun_at is None:
        return None
    return ScrubPass(
        number=progress.number,
        begun_at=progress.begun_at,
        documents=progress.documents,
        bytes=progress.bytes,
        total_documents=progress.total_documents,
        total_bytes=progress.total_bytes,
        findings=progress.findings_count,
    )


def _last(result: engine.ScrubResult | None) -> ScrubPass | None:
    if result is None:
        return None
    return ScrubPass(
        number=result.number,
        begun_at=result.begun_at,
        ended_at=result.ended_at,
        documents=result.documents,
        bytes=result.bytes,
        findings=result.findings_count,
        unsure=result.unsure,
    )


def _encoded(place: Place) -> str:
    return urlsafe_b64encode(f"s {place[0]} {place[1]}".encode("ascii")).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> Place:
    try:
        kind, number, position = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(" ")
        if kind == "s":
            return int(number), int(position)
    except ValueError:
        pass
    raise invalid_cursor()
