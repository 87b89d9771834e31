"""Ranges of documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.kernel.streaming import RangeSpec, UnsatisfiableRange, parse_range


class TestRange:
    @pytest.mark.parametrize(
        ("header", "start", "stop"),
        [
            ("bytes=0-0", 0, 1),
            ("bytes=0-99", 0, 100),
            ("bytes=10-19", 10, 20),
            ("bytes=10-", 10, 100),
            ("bytes=99-", 99, 100),
            ("bytes=90-1000", 90, 100),
            ("bytes=-10", 90, 100),
            ("bytes=-1000", 0, 100),
            ("Bytes= 5-6 ", 5, 7),
        ],
    )
    def test_part(self, header: str, start: int, stop: int) -> None:
        spec = parse_range(header, 100)
        assert spec == RangeSpec(start, stop, 100)
        assert spec is not None
        assert spec.length == stop - start
        assert spec.content_range == f"bytes {start}-{stop - 1}/100"

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,5-6",
            "items=0-5",
            "bytes 0-5",
            "bytes=+1-5",
            "bytes=١-٢",
            "bytes=" + "1" * 5000 + "-",
        ],
    )
    def test_whole(self, header: str | None) -> None:
        assert parse_range(header, 100) is None

    @pytest.mark.parametrize(
        "header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999-"]
    )
    def test_outside(self, header: str) -> None:
        with pytest.raises(UnsatisfiableRange) as refused:
            parse_range(header, 100)
        assert refused.value.content_range == "bytes */100"

    @given(size=st.integers(1, 50), first=st.integers(0, 60), last=st.integers(0, 60))
    def test_is_what_slicing_gives(self, size: int, first: int, last: int) -> None:
        document = bytes(range(size))
        try:
            spec = parse_range(f"bytes={first}-{last}", size)
        except UnsatisfiableRange:
            assert document[first : last + 1] == b""
            return
        if spec is None:
            assert last < first
        else:
            assert document[spec.start : spec.stop] == document[first : last + 1]
