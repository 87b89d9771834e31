"""The head of a form: what decides where the document goes."""

import asyncio
from dataclasses import dataclass

from artstore.attributes import RetentionPolicy
from artstore.ingester.placement import Wanted, mode_for
from artstore.ingester.uploads.body import UploadBody, file_missing
from artstore.kernel.multipart import Field, FileStart
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


@dataclass(frozen=True, slots=True)
class Head:
    """The pieces that were read, unchanged, and what they tell of the document."""

    pieces: list[bytes]
    wanted: Wanted


async def read_head(body: UploadBody, policies_in_query: list[str], *, seconds: float) -> Head:
    """Reads until the file starts. Raises ClientDisconnect, and Problem as `UploadBody.read` does,
    INVALID_PARAMETER for a bad retention policy, REQUEST_TIMEOUT after ``seconds``.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _read(body, policies_in_query)
    except TimeoutError as error:
        detail = f"The form did not get as far as its file in {seconds:g} seconds; send it again."
        raise Problem(ProblemType.REQUEST_TIMEOUT, detail) from error


async def _read(body: UploadBody, policies_in_query: list[str]) -> Head:
    policies = set(policies_in_query)
    pieces: list[bytes] = []
    while True:
        piece, events = await body.read()
        pieces.append(piece)
        for event in events:
            if isinstance(event, Field) and event.name == "retention_policy":
                policies.add(event.value.decode("utf-8", "replace").strip())
            if isinstance(event, FileStart):
                least, most = body.bounds()
                return Head(pieces, Wanted(mode_for(_policy(policies)), least, most))
        if body.ended:
            raise file_missing("The form has no part named 'file' with a file name.")


def _policy(values: set[str]) -> RetentionPolicy:
    values.discard("")  # an HTML form sends the fields that nobody filled in
    if len(values) > 1:
        raise _bad_policy("The retention policy is given twice, with different values.")
    try:
        return RetentionPolicy(values.pop()) if values else RetentionPolicy.PERMANENT
    except ValueError as error:
        raise _bad_policy("The retention policy must be 'temporary' or 'permanent'.") from error


def _bad_policy(detail: str) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, detail, field="retention_policy")
