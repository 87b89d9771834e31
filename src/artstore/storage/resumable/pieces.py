"""The body of a request that brings bytes of a resumable upload."""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncGenerator

from starlette.datastructures import Headers
from starlette.requests import Request

from artstore.engine import Checksum
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from artstore.wire.resumable import CHECKSUM_ALGORITHMS, UPLOAD_CHECKSUM


async def pieces_of(request: Request, idle_seconds: float) -> AsyncGenerator[bytes]:
    """As they come. Raises ClientDisconnect, and Problem UPLOAD_STALLED where nothing comes for long."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                piece = await anext(stream, None)
        except TimeoutError:
            detail = f"Nothing arrived for {idle_seconds:g} seconds; what came is kept, go on from there."
            raise Problem(ProblemType.UPLOAD_STALLED, detail) from None
        if piece is None:
            return
        if piece:
            yield piece


def checksum_of(headers: Headers) -> Checksum | None:
    """What the bytes must come to. Raises Problem INVALID_REQUEST."""
    text = headers.get(UPLOAD_CHECKSUM)
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in CHECKSUM_ALGORITHMS:
        raise _unreadable(f"its algorithm must be one of {', '.join(CHECKSUM_ALGORITHMS)}")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    try:
        expected = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable("its value is not Base64") from None
    if len(expected) != digest.digest_size:
        raise _unreadable(f"a digest of {algorithm} has {digest.digest_size} bytes")
    return Checksum(algorithm, expected, digest)


def _unreadable(reason: str) -> Problem:
    detail = f"The header {UPLOAD_CHECKSUM} is wrong: {reason}."
    return Problem(ProblemType.INVALID_REQUEST, detail, field=UPLOAD_CHECKSUM)
