"""Which elements are asked whether a transaction that was lost brought them a document."""

from typing import Any

import pytest

from artstore.admin.transactions.elements import TransferElements
from artstore.admin.transactions.progress import TryAgain
from artstore.wire.elements import ElementHealth, ElementState, RegisteredElement, Registration
from tests.support.announcements import registered

RETIRED = Registration(state=ElementState.RETIRED)
AWAY = ElementHealth.AWAY


def elements(*known: RegisteredElement, are_all: bool = True) -> TransferElements:
    async def every() -> list[RegisteredElement]:
        return list(known)

    nothing: Any = None
    return TransferElements(nothing, nothing, every, nothing, are_all=lambda: are_all)


async def test_whoever_may_have_documents() -> None:
    known = [
        registered("source"),
        registered("well"),
        registered("away", health=AWAY),
        registered("retired and there", registration=RETIRED),
        registered("retired and off", registration=RETIRED, health=AWAY),
        registered("never heard of", max_file_bytes=0, health=AWAY),
    ]
    assert await elements(*known).others("source") == ["well", "away", "retired and there"]


async def test_nobody_can_tell_while_there_may_be_others() -> None:
    with pytest.raises(TryAgain, match="Redis is away"):
        await elements(registered("well"), are_all=False).others("source")
