"""An answer that comes in several pieces, as it does over a network."""

import asyncio

from aiohttp import web

_TURNS = 100
"""Of the event loop, in which the client reads what it was sent."""


async def answer_in_pieces(request: web.Request, body: bytes, pieces: int) -> web.StreamResponse:
    """Each is read before the next is sent, by a client on the same event loop."""
    answer = web.StreamResponse(headers={"Content-Length": str(len(body))})
    await answer.prepare(request)
    size = -(-len(body) // pieces)
    for begin in range(0, len(body), size):
        await answer.write(body[begin : begin + size])
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    return answer
