"""Ranges of documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.kernel.streaming import RangeSpec, UnsatisfiableRange, parse_ranges


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
            ("bytes=,5-6,", 5, 7),
        ],
    )
    def test_part(self, header: str, start: int, stop: int) -> None:
        (spec,) = parse_ranges(header, 100)
        assert spec == RangeSpec(start, stop, 100)
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
            "bytes=,",
            "bytes=0-1,6-5",
            "bytes=0-1,x",
            "bytes=0-1;5-6",
            "bytes=" + ",".join(["0-1"] * 65),
            "items=0-5",
            "bytes 0-5",
            "bytes=+1-5",
            "bytes=١-٢",
            "bytes=" + "1" * 5000 + "-",
        ],
    )
    def test_whole(self, header: str | None) -> None:
        assert parse_ranges(header, 100) == ()

    @pytest.mark.parametrize(
        "header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999-", "bytes=100-,-0"]
    )
    def test_outside(self, header: str) -> None:
        with pytest.raises(UnsatisfiableRange) as refused:
            parse_ranges(header, 100)
        assert refused.value.content_range == "bytes */100"

    @given(size=st.integers(1, 50), first=st.integers(0, 60), last=st.integers(0, 60))
    def test_is_what_slicing_gives(self, size: int, first: int, last: int) -> None:
        document = bytes(range(size))
        try:
            specs = parse_ranges(f"bytes={first}-{last}", size)
        except UnsatisfiableRange:
            assert document[first : last + 1] == b""
            return
        if not specs:
            assert last < first
        for spec in specs:
            assert document[spec.start : spec.stop] == document[first : last + 1]


class TestSeveralRanges:
    def test_stand_in_the_order_of_the_document(self) -> None:
        specs = parse_ranges("bytes=5000-5999, 0-99,-1000", 10_000)
        assert [(spec.start, spec.stop) for spec in specs] == [(0, 100), (5000, 6000), (9000, 10_000)]

    def test_those_that_overlap_or_nearly_meet_are_one(self) -> None:
        specs = parse_ranges("bytes=1000-1999,0-500,400-600,2050-2100,0-500", 10_000)
        assert [(spec.start, spec.stop) for spec in specs] == [(0, 601), (1000, 2101)]

    def test_those_beyond_the_end_are_left_out(self) -> None:
        assert parse_ranges("bytes=100-200,20000-,10000-10001", 10_000) == (RangeSpec(100, 201, 10_000),)

    @given(
        size=st.integers(1, 5000),
        asked=st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 2000)), min_size=1, max_size=64),
    )
    def test_have_all_that_is_asked_and_no_byte_twice(self, size: int, asked: list[tuple[int, int]]) -> None:
        header = "bytes=" + ",".join(f"{first}-{first + more}" for first, more in asked)
        wanted = {at for first, more in asked for at in range(first, min(size, first + more + 1))}
        try:
            specs = parse_ranges(header, size)
        except UnsatisfiableRange:
            assert not wanted
            return
        given = [at for spec in specs for at in range(spec.start, spec.stop)]
        assert given == sorted(set(given))
        assert wanted <= set(given) <= set(range(size))
