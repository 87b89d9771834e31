"""Refused accesses of this process, counted for the audit trail: by account or address, route and minute."""

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter

from artstore.wire.audit import ActorKind, RefusalCount, RefusalReport

if TYPE_CHECKING:
    from artstore.kernel.access.principal import Principal

MOST_IN_A_MINUTE: Final = 200
"""Of different accounts, addresses and routes; the others of that minute are counted together by status."""
MOST_REPORTS: Final = 60
"""Minutes that are kept while Admin does not take them."""
SEVERAL: Final = "*"

DROPPED: Final = Counter(
    "artstore_refusals_dropped",
    "Refused accesses that are not in the audit trail, since Admin did not take them for too long",
    ("service",),
)


@dataclass(frozen=True)
class _Refused:
    account_id: str | None
    account_name: str | None
    address: str | None
    method: str
    route: str
    status: int
    is_person: bool = False


class Refusals:
    """Counts in memory, within bounds, until the counts are fetched. Belongs to one event loop.

    What is here when the process is killed is lost; the log of the service has each request.
    ``now`` gives seconds since 1970.
    """

    def __init__(self, service: str, *, now: Callable[[], float] = time.time) -> None:
        self._service = service
        self._instance = f"{service}-{secrets.token_hex(8)}"
        self._now = now
        self._minute = 0
        self._counts: dict[_Refused, int] = {}
        self._reports: deque[RefusalReport] = deque()

    def count(
        self, principal: "Principal | None", address: str | None, method: str, route: str, status: int
    ) -> None:
        """Counts one. The address is kept only of those of whom nothing else is known."""
        self._close_minute()
        if principal is not None:
            account_id, is_person = principal.account_id, principal.session_id is not None
            refused = _Refused(account_id, principal.username, None, method, route, status, is_person)
        else:
            refused = _Refused(None, None, address, method, route, status)
        if refused not in self._counts and len(self._counts) >= MOST_IN_A_MINUTE:
            refused = _Refused(None, None, None, SEVERAL, SEVERAL, status)
        self._counts[refused] = self._counts.get(refused, 0) + 1

    def reports(self, *, at_end: bool = False) -> list[RefusalReport]:
        """What is to be reported, the oldest first: minutes that are over; at the end, all there is."""
        self._close_minute(at_end=at_end)
        return list(self._reports)

    def reported(self, report: RefusalReport) -> None:
        """Forgets a report that was taken."""
        if report in self._reports:
            self._reports.remove(report)

    def drop(self, report: RefusalReport) -> None:
        """Forgets a report that nobody will ever take."""
        if report in self._reports:
            self._reports.remove(report)
            DROPPED.labels(self._service).inc(sum(one.count for one in report.refusals))

    def _close_minute(self, *, at_end: bool = False) -> None:
        minute = int(self._now() // 60)
        if self._counts and (minute != self._minute or at_end):
            self._reports.append(self._report())
            self._counts = {}
            if len(self._reports) > MOST_REPORTS:
                self.drop(self._reports[0])
        self._minute = minute

    def _report(self) -> RefusalReport:
        return RefusalReport(
            service=self._service,
            instance=self._instance,
            minute=datetime.fromtimestamp(self._minute * 60, UTC),
            refusals=[
                RefusalCount(
                    account_id=_short(refused.account_id),
                    account_name=_short(refused.account_name),
                    account_kind=ActorKind.ADMINISTRATOR if refused.is_person else ActorKind.SERVICE_ACCOUNT,
                    address=_short(refused.address),
                    method=refused.method,
                    route=refused.route,
                    status=refused.status,
                    count=count,
                )
                for refused, count in self._counts.items()
            ],
        )


def _short(text: str | None) -> str | None:
    """What came in a token or from the network, as a report can hold it."""
    return None if text is None else text.replace("\0", "\ufffd")[:256]
