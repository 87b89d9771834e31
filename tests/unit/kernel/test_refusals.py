"""Refused accesses are counted within bounds, reported until they are taken, and lost only where that is said."""

import asyncio

from artstore.admin.audit.refusals import _entry
from artstore.kernel.access import Principal
from artstore.kernel.peers import RefusalReporter
from artstore.kernel.peers.token import AdminAway
from artstore.kernel.problems import Problem
from artstore.kernel.refusals import DROPPED, MOST_IN_A_MINUTE, MOST_REPORTS, SEVERAL, Refusals
from artstore.wire.audit import RefusalReport
from artstore.wire.problems import ProblemType

BILLING = Principal("7", "sa_billing", "billing", "USER", frozenset(), "token")


class Clock:
    def __init__(self) -> None:
        self.minute = 1000

    def __call__(self) -> float:
        return self.minute * 60.0 + 59


class Admin:
    """Takes reports, or does not."""

    def __init__(self) -> None:
        self.taken: list[RefusalReport] = []
        self.raises: Problem | None = None

    async def __call__(self, report: RefusalReport) -> None:
        if self.raises is not None:
            raise self.raises
        self.taken.append(report)


def counting() -> tuple[Refusals, Clock]:
    clock = Clock()
    return Refusals("query", now=clock), clock


def dropped() -> float:
    return float(DROPPED.labels("query")._value.get())


def test_summed_up_by_who_where_and_minute() -> None:
    refusals, clock = counting()
    for _ in range(3):
        refusals.count(BILLING, "192.0.2.1", "GET", "/a", 403)
    refusals.count(BILLING, "192.0.2.2", "GET", "/a", 403)
    refusals.count(None, "192.0.2.1", "GET", "/a", 401)
    refusals.count(None, "192.0.2.1", "GET", "/b", 401)
    assert refusals.reports() == []
    clock.minute += 1
    [report] = refusals.reports()
    told = [(one.account_id, one.address, one.route, one.status, one.count) for one in report.refusals]
    assert told == [
        ("7", None, "/a", 403, 4),
        (None, "192.0.2.1", "/a", 401, 1),
        (None, "192.0.2.1", "/b", 401, 1),
    ]
    assert report.minute.timestamp() == 1000 * 60
    refusals.reported(report)
    assert refusals.reports() == []


def test_people_are_told_from_programs() -> None:
    refusals, _ = counting()
    person = Principal("8", "p_grace", "grace", "READONLY", frozenset(), "token", session_id="1")
    for principal in (person, BILLING, None):
        refusals.count(principal, "192.0.2.1", "GET", "/a", 403)
    [report] = refusals.reports(at_end=True)
    entries = [_entry(report, report.minute, one) for one in report.refusals]
    assert [(entry.actor.kind, entry.actor.name) for entry in entries] == [
        ("administrator", "grace"),
        ("service_account", "billing"),
        ("unknown", None),
    ]


def test_a_flood_from_everywhere_is_bounded_and_no_count_is_lost() -> None:
    refusals, clock = counting()
    for number in range(MOST_IN_A_MINUTE + 500):
        refusals.count(None, f"address {number}", "GET", "/a", 401)
    clock.minute += 1
    [report] = refusals.reports()
    assert len(report.refusals) == MOST_IN_A_MINUTE + 1
    assert sum(one.count for one in report.refusals) == MOST_IN_A_MINUTE + 500
    assert (report.refusals[-1].route, report.refusals[-1].address) == (SEVERAL, None)


def test_kept_while_admin_is_away_up_to_a_bound() -> None:
    refusals, clock = counting()
    before = dropped()
    for _ in range(MOST_REPORTS + 2):
        refusals.count(None, "192.0.2.1", "GET", "/a", 401)
        clock.minute += 1
    assert refusals.reports()[0].minute.timestamp() / 60 == 1002
    assert len(refusals.reports()) == MOST_REPORTS
    assert dropped() - before == 2


def test_what_came_from_the_network_can_be_reported() -> None:
    refusals, _ = counting()
    refusals.count(Principal("a\0" * 300, "c", "n" * 999, "r", frozenset(), "t"), None, "GET", "/a", 403)
    [report] = refusals.reports(at_end=True)
    assert RefusalReport.model_validate_json(report.model_dump_json()) == report


async def test_sent_again_until_it_is_taken() -> None:
    refusals, clock = counting()
    admin = Admin()
    reporter = RefusalReporter(refusals, admin)
    for _ in range(2):
        refusals.count(None, "192.0.2.1", "GET", "/a", 401)
        clock.minute += 1
    admin.raises = AdminAway("a test")
    await reporter.report()
    assert len(refusals.reports()) == 2
    admin.raises = None
    await reporter.report()
    assert [report.minute.timestamp() / 60 for report in admin.taken] == [1000, 1001]
    assert refusals.reports() == []


async def test_what_is_never_taken_is_given_up_and_said() -> None:
    refusals, _ = counting()
    admin = Admin()
    admin.raises = Problem(ProblemType.INVALID_PARAMETER, "Too old.")
    refusals.count(None, "192.0.2.1", "GET", "/a", 401)
    before = dropped()
    await RefusalReporter(refusals, admin).close()
    assert (refusals.reports(), dropped() - before) == ([], 1)


async def test_the_end_of_a_service_is_not_held_up() -> None:
    refusals, _ = counting()
    refusals.count(None, "192.0.2.1", "GET", "/a", 401)

    async def never(report: RefusalReport) -> None:
        await asyncio.Event().wait()

    await RefusalReporter(refusals, never).close()
    assert len(refusals.reports()) == 1
