"""Long-running tasks of a process: started, watched, started again when they fail, ended with the process."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

from artstore.kernel import metrics
from artstore.kernel.logging import get_logger

_log = get_logger(__name__)
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0


class Background:
    """The long-running tasks of one service.

    A task that raises is logged, counted (``artstore_background_restarts_total``) and started again after a
    pause that doubles up to 30 s, with jitter; after a minute of health the pause is short again.
    A task that returns is done. ``first_pause`` is in seconds.
    """

    def __init__(self, *, first_pause: float = _FIRST_PAUSE_SECONDS) -> None:
        self._first_pause = first_pause
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, make: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Runs ``make()``, and again whenever it fails. A name is free again once its task has returned."""
        running = self._tasks.get(name)
        if running is not None and not running.done():
            raise ValueError(f"the background task {name!r} is running already")
        self._tasks[name] = asyncio.create_task(self._supervise(name, make), name=f"background {name}")

    async def stop(self) -> None:
        """Cancels all tasks and waits until they have ended. May be called again."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _supervise(self, name: str, make: Callable[[], Coroutine[Any, Any, object]]) -> None:
        pause = self._first_pause
        while True:
            began = time.monotonic()
            try:
                await make()
            except Exception:  # noqa: BLE001 - whatever it died of, the task must go on
                if time.monotonic() - began > _HEALTHY_SECONDS:
                    pause = self._first_pause
                if _is_stopping():
                    _log.exception("a background task failed on its way out", task=name)
                    return
                metrics.BACKGROUND_RESTARTS.labels(name).inc()
                _log.exception("a background task failed", task=name, again_in_seconds=round(pause, 2))
            else:
                return
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _is_stopping() -> bool:
    """Whether this task was cancelled: one that fails while it cleans up hides that from who awaits it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
