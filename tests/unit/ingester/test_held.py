"""Which bodies are held, and how they are sent."""

from hypothesis import given
from hypothesis import strategies as st

from artstore.ingester.uploads.form import FormBody
from artstore.ingester.uploads.held import Holding, parted
from artstore.ingester.uploads.pace import PaceLimits
from tests.support.uploads import Upload


def body(announced: int | None) -> FormBody:
    upload = Upload([], announced=announced)
    return FormBody(upload.request, max_file_bytes=1 << 30, pace=PaceLimits(10))


class TestRoom:
    def test_for_bodies_up_to_the_limit(self) -> None:
        holding = Holding(100, 1000)
        for announced, held in [(1, True), (100, True), (101, False), (0, False), (None, True)]:
            with holding.room(body(announced)) as room:
                assert room.may_be_held is held, announced

    def test_until_there_is_none_left(self) -> None:
        holding = Holding(100, 250)
        with holding.room(body(100)) as first, holding.room(body(None)) as second:
            assert first.may_be_held
            assert second.may_be_held
            with holding.room(body(51)) as third, holding.room(body(50)) as fourth:
                assert (third.may_be_held, fourth.may_be_held) == (False, True)
        with holding.room(body(100)) as again:
            assert again.may_be_held

    def test_until_it_is_given_back(self) -> None:
        holding = Holding(100, 100)
        with holding.room(body(100)) as first:
            with holding.room(body(100)) as second:
                assert not second.may_be_held
            first.give_back()
            with holding.room(body(100)) as third:
                assert third.may_be_held
        with holding.room(body(100)) as fourth, holding.room(body(1)) as fifth:
            assert (fourth.may_be_held, fifth.may_be_held) == (True, False)

    def test_for_none(self) -> None:
        with Holding(0).room(body(1)) as one, Holding(0).room(body(None)) as unknown:
            assert (one.may_be_held, unknown.may_be_held) == (False, False)


@given(st.lists(st.binary(max_size=50_000), min_size=1, max_size=5))
def test_the_last_piece_is_short(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    found = parted(pieces)
    assert not pieces, "kept twice"
    assert b"".join(found) == whole
    assert len(found) == 1 or len(found[-1]) <= 16
    assert len(found) == 2 or len(whole) <= 64 << 10
