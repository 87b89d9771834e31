"""Resumable uploads and batches of which nothing more came are removed."""

import asyncio

from artstore.engine import Engine
from artstore.kernel.logging import get_logger
from artstore.storage import metrics

_EVERY_SECONDS = 60.0
_log = get_logger(__name__)


async def expire_for_ever(engine: Engine) -> None:
    while True:
        if removed := await engine.resumable.expire():
            metrics.RESUMABLE_EXPIRED.inc(removed)
            _log.info("resumable uploads expired", uploads=removed)
        if removed := await engine.batches.expire():
            metrics.BATCHES_EXPIRED.inc(removed)
            _log.info("batches expired", batches=removed)
        await asyncio.sleep(_EVERY_SECONDS)
