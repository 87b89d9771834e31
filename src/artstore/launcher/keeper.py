"""Keeping one process running: started and ended from one thread, started anew when it dies by itself."""

import os
import random
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Protocol

from artstore.launcher.errors import LauncherError
from artstore.launcher.process import Process, exit_word

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A process that ran this long is healthy again: the next restart is as quick as the first."""


class Part(Protocol):
    """A process that the system consists of. Its methods are called from one thread, one after another.

    ``start`` returns when the process is ready, and raises LauncherError otherwise; it does nothing when the
    process runs. ``stop`` and ``kill`` may be called at any time. ``process`` is None before the first start.
    """

    @property
    def process(self) -> Process | None: ...
    def start(self) -> object: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Keeper:
    """Runs a part in a thread of its own, which is what the process's life is bound to.

    A part that ends without having been told to is started again after a delay that grows with each failure
    up to LONGEST_DELAY_SECONDS, with a message through ``say``. A part that was stopped or killed through its
    keeper stays away until ``start``. All methods may be called from any thread.
    """

    def __init__(self, name: str, part: Part, say: Callable[[str], None]) -> None:
        self.name = name
        self.part = part
        self._say = say
        self._tasks: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._wanted = False
        self._starting = False
        self._closing = False
        self._failures = 0
        self._started_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"keeper-{name}", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The id of the running process, None when it does not run."""
        process = self.part.process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Starts the part and returns when it is ready. Raises LauncherError when it does not come up."""
        self.begin_start().result()

    def begin_start(self) -> "Future[None]":
        """Like ``start``, without waiting: the future ends when the part is ready."""
        return self._submit(self._start)

    def stop(self) -> None:
        """Ends the part cleanly, also in the middle of its start. The part stays away."""
        self.begin_stop().result()

    def begin_stop(self) -> "Future[None]":
        self._wanted = False
        # A start under way gives up when its process ends; otherwise it would be waited for first. One that
        # runs is told once only, by its part: a second signal would kill it in the middle of its end.
        if self._starting and (process := self.part.process) is not None and process.poll() is None:
            process.terminate()
        return self._submit(self._stop)

    def kill(self) -> None:
        """SIGKILL at once, even while the part is being started or stopped. The part stays away."""
        self._wanted = False
        if (process := self.part.process) is not None:
            process.kill()
        self._submit(self._kill).result()

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Ends the thread, and with it the process if it still runs. Nothing may be called afterwards."""
        if self._closing:
            return
        self._closing = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        os.close(self._wake)

    def _submit(self, task: Callable[[], None]) -> "Future[None]":
        done: Future[None] = Future()
        self._tasks.put((task, done))
        os.eventfd_write(self._wake, 1)
        return done

    def _start(self) -> None:
        self._failures = 0
        self._wanted = True
        try:
            self._bring_up()
        except BaseException:
            self._wanted = False
            raise
        self._started_at = time.monotonic()

    def _bring_up(self) -> None:
        self._starting = True
        try:
            self.part.start()
        finally:
            self._starting = False

    def _stop(self) -> None:
        self._wanted = False
        self.part.stop()

    def _kill(self) -> None:
        self._wanted = False
        self.part.kill()

    def _run(self) -> None:
        while not self._closing:
            try:
                task, done = self._tasks.get_nowait()
            except Empty:
                self._watch()
                continue
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the outcome
                done.set_exception(error)
            else:
                done.set_result(None)
        self.part.stop()

    def _watch(self) -> None:
        """Waits until there is something to do or the process has ended, and revives it then."""
        process = self.part.process
        code = process.poll() if process is not None else None
        # Asked in this order: who ends the process on purpose says first that it is not wanted any more.
        if not self._wanted or process is None:
            self._wait(None)
        elif code is None:
            watched = process.end_descriptor()
            try:
                self._wait(watched)
            finally:
                os.close(watched)
        else:
            self._revive(code)

    def _revive(self, code: int) -> None:
        if time.monotonic() - self._started_at > STEADY_SECONDS:
            self._failures = 0
        delay = min(FIRST_DELAY_SECONDS * 2**self._failures, LONGEST_DELAY_SECONDS) * random.uniform(
            0.75, 1.25
        )
        self._failures += 1
        self._say(f"{self.name} ended with {exit_word(code)}; starting it again in {delay:.1f} s")
        if self._wait(None, delay):
            return
        try:
            self._bring_up()
        except LauncherError as error:
            if self._wanted:  # otherwise it was ended on purpose in the middle of its start
                self._say(str(error))
        else:
            self._say(f"{self.name} runs again")
        self._started_at = time.monotonic()

    def _wait(self, process: int | None, seconds: float | None = None) -> bool:
        """Whether a task arrived, rather than the process having ended or the time being over."""
        waiting = select.poll()  # not select(): it refuses descriptors above 1023
        waiting.register(self._wake, select.POLLIN)
        if process is not None:
            waiting.register(process, select.POLLIN)
        ready = {descriptor for descriptor, _ in waiting.poll(None if seconds is None else seconds * 1000)}
        if self._wake in ready:
            os.eventfd_read(self._wake)
            return True
        return False
