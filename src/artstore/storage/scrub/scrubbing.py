"""When the scrub reads: on schedule, on request, and on from where it was interrupted."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from artstore.engine import Engine
from artstore.engine.scrub import Scrub
from artstore.kernel.logging import get_logger
from artstore.storage.scrub.schedule import Schedule

_FIRST_PAUSE_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 3600.0
_LOOK_AGAIN_SECONDS = 1.0, 3600.0
"""How much there is to read changes, and with it when a pass is due: at least and at most."""

_log = get_logger(__name__)


class Scrubbing:
    """``run`` is a background task. What it begins is stopped by the engine when that closes.

    A pass that failed (a full disk, say) is tried again after a growing pause. A pause that was asked for
    lasts until a pass is asked for, or until the end of the process. ``first_pause`` is in seconds.
    """

    def __init__(
        self,
        engine: Engine,
        scrub: Scrub,
        schedule: Schedule,
        *,
        first_pause: float = _FIRST_PAUSE_SECONDS,
    ) -> None:
        self.scrub = scrub
        self.schedule = schedule
        self.paused = False
        self._engine = engine
        self._first_pause = first_pause
        self._wanted = False
        self._woken = asyncio.Event()
        self._turn = asyncio.Lock()
        self._told_out_of_reach = False

    async def request(self, *, anew: bool) -> None:
        """Begins a pass, or goes on with one; changes nothing while one runs, unless it is to be ``anew``."""
        async with self._turn:
            if anew:
                # So that ``run`` does not go on with what is just being given up.
                self.paused, self._wanted = True, False
                try:
                    await self.scrub.stop()
                finally:
                    self.paused = False
            elif not self.scrub.interrupted:
                await self.scrub.wait()  # a pass that is through may just be ending
            self.paused, self._wanted = False, True
            self.scrub.start(anew=anew)
        self._woken.set()

    async def pause(self) -> None:
        """Returns when nothing is read any more."""
        async with self._turn:
            self.paused, self._wanted = True, False
            await self.scrub.stop()

    def due_at(self) -> datetime | None:
        """When the schedule begins the next pass; None while it begins none, or one is under way."""
        if not self.schedule.enabled or self.paused or self.scrub.interrupted:
            return None
        last = self.scrub.last_result()
        ended_at = last.ended_at if last is not None else None
        return self.schedule.due_at(self.scrub.oldest_verified(), ended_at, self._expected())

    def is_within_reach(self) -> bool:
        """Whether the schedule can be held at its rate."""
        return self.schedule.within_reach(self._expected())

    async def run(self) -> None:
        pause = self._first_pause
        while True:
            self._woken.clear()
            if not self._is_time():
                await self._sleep(self._until_due())
                continue
            await self._pass()
            failed = self.scrub.progress().failed
            if failed is not None:
                _log.error("the scrub failed", reason=failed, complete=not self.scrub.interrupted)
            if failed is None or not self.scrub.interrupted:
                pause = self._first_pause
            else:
                await self._sleep(pause)
                pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)

    async def _pass(self) -> None:
        """Makes a whole pass, or what there is of it before it is interrupted."""
        self._tell_out_of_reach()
        self.scrub.start()
        begun = self.scrub.progress()
        _log.info("the scrub reads", number=begun.number, documents=begun.documents, bytes=begun.bytes)
        await self.scrub.wait()
        last = self.scrub.last_result()
        if last is None or last.number != begun.number:
            return
        if not self.scrub.interrupted:  # somebody may have asked for the next one already
            self._wanted = False
        _log.info(
            "the scrub is through",
            number=last.number,
            documents=last.documents,
            bytes=last.bytes,
            findings=last.findings_count,
            unsure=last.unsure,
            seconds=(last.ended_at - last.begun_at).total_seconds(),
        )

    def _is_time(self) -> bool:
        if self._wanted or self.scrub.running:
            return True
        if self.paused or not self.schedule.enabled:
            return False
        return self.scrub.interrupted or self._until_due() <= 0

    def _until_due(self) -> float:
        shortest, longest = _LOOK_AGAIN_SECONDS
        look_again = max(shortest, min(longest, self.schedule.within.total_seconds() / 100))
        due_at = self.due_at()
        if due_at is None:
            return look_again
        return min(look_again, (due_at - datetime.now(UTC)).total_seconds())

    async def _sleep(self, seconds: float) -> None:
        """Until somebody asks for a pass, at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    def _expected(self) -> timedelta:
        last = self.scrub.last_result()
        took = last.ended_at - last.begun_at if last is not None else None
        return self.schedule.expected(self._engine.capacity(), took)

    def _tell_out_of_reach(self) -> None:
        out_of_reach = self.schedule.enabled and not self.is_within_reach()
        if out_of_reach and not self._told_out_of_reach:
            _log.warning(
                "a pass of the scrub takes longer than there is time: raise its rate, or give it more days",
                days=self.schedule.within / timedelta(days=1),
                bytes_per_second=self.schedule.bytes_per_second,
            )
        self._told_out_of_reach = out_of_reach
