"""Bodies of answers that are read as a whole."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


class BodyTooLong(ValueError):
    """The answer is none of those that were expected."""


async def whole_body(answer: "aiohttp.ClientResponse", most_bytes: int) -> bytes:
    """The body up to its end, in however many pieces it comes. Raises BodyTooLong, or what reading raises."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > most_bytes:
            raise BodyTooLong(f"the answer has more than {most_bytes} bytes")
    return bytes(body)
