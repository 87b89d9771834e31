"""Request ids and W3C trace context: what is kept from outside, what is made anew."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.kernel import tracing

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class TestRequestId:
    @pytest.mark.parametrize("given_id", ["a", "01J-x.y_z:7", "A" * 64])
    def test_plain_one_is_kept(self, given_id: str) -> None:
        assert tracing.from_headers(given_id, None).request_id == given_id

    @pytest.mark.parametrize("given_id", [None, "", "a b", "a\n", "-a", "A" * 65, "é", 'a"', "٣", "<x>"])
    def test_others_are_replaced(self, given_id: str | None) -> None:
        made = tracing.from_headers(given_id, None).request_id
        assert made != given_id
        assert re.fullmatch(r"[0-9a-f]{32}", made)


class TestTraceparent:
    def test_trace_goes_on_with_a_span_of_our_own(self) -> None:
        context = tracing.from_headers(None, f"00-{TRACE}-{PARENT}-01")
        assert context.trace_id == TRACE
        assert context.span_id != PARENT
        assert context.traceparent == f"00-{TRACE}-{context.span_id}-01"

    def test_unknown_flags_are_not_passed_on(self) -> None:
        assert tracing.from_headers(None, f"00-{TRACE}-{PARENT}-ff").flags == 1

    def test_later_version_may_have_more(self) -> None:
        assert tracing.from_headers(None, f"cc-{TRACE}-{PARENT}-00-more").trace_id == TRACE

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "nonsense",
            f"ff-{TRACE}-{PARENT}-00",
            f"00-{'0' * 32}-{PARENT}-00",
            f"00-{TRACE}-{'0' * 16}-00",
            f"00-{TRACE}-{PARENT}-00-more",
            f"00-{TRACE.upper()}-{PARENT}-00",
            f"00-{TRACE}-{PARENT}",
        ],
    )
    def test_unfit_is_replaced(self, header: str) -> None:
        assert tracing.from_headers(None, header).trace_id != TRACE

    @given(st.text(max_size=100), st.text(max_size=100))
    def test_whatever_comes_what_goes_out_is_well_formed(self, request_id: str, traceparent: str) -> None:
        context = tracing.from_headers(request_id, traceparent)
        assert re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", context.request_id)
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", context.traceparent)
