"""What an extension makes of a document, and when its time is over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.attributes import FileAttributes, LegalHold, RetentionPolicy
from artstore.kernel.problems import Problem
from artstore.storage.retention.extension import extended, is_over
from artstore.wire.problems import ProblemType
from tests.support.engines import draft_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOLD = LegalHold(since=NOW, by="legal", reason="case")
DAYS = st.integers(1, 365)
AROUND_NOW = st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400))


def document(**fields: object) -> FileAttributes:
    made = draft_of(retention_policy=RetentionPolicy.TEMPORARY, ttl_days=1).attributes(b"x", 1, "0" * 64)
    return made.changed(**fields)


@given(left=AROUND_NOW, days=DAYS, held=st.booleans())
def test_an_extension_never_shortens_and_revives_nothing(left: timedelta, days: int, held: bool) -> None:
    before = document(expires_at=NOW + left, legal_hold=HOLD if held else None)
    if is_over(before, NOW) or timedelta(days=days) < left:
        with pytest.raises(Problem) as refused:
            extended(before, days, NOW)
        assert refused.value.kind is ProblemType.CONFLICT
    else:
        after = extended(before, days, NOW)
        assert after.expires_at == NOW + timedelta(days=days)
        assert after.changed(expires_at=before.expires_at) == before


@pytest.mark.parametrize(
    "fields",
    [{"retention_policy": RetentionPolicy.PERMANENT}, {"retention_policy": None}, {"expires_at": None}],
)
def test_what_does_not_expire_has_no_time_to_extend(fields: dict[str, object]) -> None:
    with pytest.raises(Problem) as refused:
        extended(document(**fields), 365, NOW)
    assert refused.value.kind is ProblemType.CONFLICT


@given(left=AROUND_NOW)
def test_over_is_what_nothing_keeps(left: timedelta) -> None:
    expires_at = NOW + left
    assert is_over(document(expires_at=expires_at), NOW) == (expires_at <= NOW)
    for kept in (
        {"legal_hold": HOLD},
        {"transfer_id": "01a20899-4d5c-7bb1-9d3e-5f60718293a4"},
        {"retention_policy": RetentionPolicy.PERMANENT},
        {"expires_at": None},
    ):
        assert not is_over(document(**{"expires_at": expires_at, **kept}), NOW)
