"""``GET /api/v1/info``, ``/api/v1/capacity`` and ``/api/v1/wal``."""

import dataclasses
from typing import Annotated

from fastapi import APIRouter

from artstore.kernel.access import Principal, Requires
from artstore.storage.element.schemas import CapacityReport, ElementInfo, FollowerReport, LogReport
from artstore.storage.element.thresholds import Thresholds
from artstore.storage.running import RunningElement
from artstore.version import __version__
from artstore.wire.scopes import Scope

ElementReader = Annotated[Principal, Requires(Scope.ELEMENTS_READ)]


def element_router(element: RunningElement, thresholds: Thresholds) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["element"])

    @router.get("/info", summary="The element")
    async def info(principal: ElementReader) -> ElementInfo:
        """What the element announces: address, mode, capacity, health."""
        return ElementInfo(
            **element.announcer.announcement().model_dump(),
            format_version=element.engine.element.format_version,
            created_at=element.engine.element.created_at,
            version=__version__,
        )

    @router.get("/capacity", summary="Room")
    async def capacity(principal: ElementReader) -> CapacityReport:
        """Used, reserved and free bytes, and how far that is from the thresholds."""
        room = element.engine.capacity()
        return CapacityReport(
            **dataclasses.asdict(room),
            capacity_status=thresholds.status(room),
            warning_below_bytes=thresholds.warning.of(room.capacity_bytes),
            critical_below_bytes=thresholds.critical.of(room.capacity_bytes),
            full_below_bytes=thresholds.full.of(room.capacity_bytes),
        )

    @router.get("/wal", summary="The log")
    async def wal(principal: ElementReader) -> LogReport:
        """How far the log is, how far each follower, and what the last recovery did."""
        status = element.engine.status()
        away = {follower.name: follower.status.away for follower in element.followers}
        return LogReport(
            first_lsn=element.engine.first_lsn,
            last_lsn=status.last_lsn,
            segments=status.segments,
            bytes=status.bytes,
            followers={
                name: FollowerReport(position=told.position, lag=told.lag, away=away.get(name, told.away))
                for name, told in status.followers.items()
            },
            recovery=dataclasses.asdict(status.recovery),
        )

    return router
