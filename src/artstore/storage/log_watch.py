"""Says in the service's log when the element's log, or its way into the files, does not get on.

The engine, where that happens, tells nobody by itself.
"""

import asyncio

from artstore.engine import Engine
from artstore.kernel.logging import get_logger

_EVERY_SECONDS = 1.0
_FILES = "files"
_log = get_logger(__name__)


async def watch_log(engine: Engine) -> None:
    """Tells once of what lasts: the reason names other files at each try."""
    broken = away = False
    while True:
        status = engine.status()
        files = status.followers[_FILES]
        if (files.away is not None) is not away:
            away = not away
            if away:
                _log.warning("a follower is away", follower=_FILES, reason=files.away, lag=files.lag)
            else:
                _log.info("a follower is at work", follower=_FILES, position=files.position, lag=files.lag)
        if status.failed not in (None, files.away) and not broken:
            broken = True  # until the element is started again
            _log.error("the log cannot be written", reason=status.failed)
        await asyncio.sleep(_EVERY_SECONDS)
