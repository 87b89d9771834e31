"""Cursors: what goes out comes back, what never went out is refused."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from artstore.kernel.problems import Problem
from artstore.storage.files.cursors import ChangeCursor, TimeCursor, decode_cursor
from artstore.wire.problems import ProblemType


def test_both_kinds_come_back() -> None:
    for cursor in (TimeCursor(datetime.now(UTC), uuid4()), ChangeCursor(2**63 - 1, UUID(int=0))):
        assert decode_cursor(cursor.encode()) == cursor


@pytest.mark.parametrize(
    "text",
    ["", "x", "%", "é", "\x00", "dCBh", ChangeCursor(1, UUID(int=7)).encode()[:-4], "bCAtMSAw" + "MDAw" * 8],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        decode_cursor(text)
    assert refused.value.kind is ProblemType.INVALID_CURSOR
