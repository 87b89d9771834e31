"""The set that may err, in one direction only."""

from hypothesis import given
from hypothesis import strategies as st

from artstore.query.suggest.sketch import Sketch


@given(st.sets(st.text(), max_size=200), st.integers(0, 300))
def test_what_was_added_is_known(things: set[str], expected: int) -> None:
    sketch = Sketch(expected)
    for thing in things:
        sketch.add(thing)
    assert all(thing in sketch for thing in things)


def test_nearly_nothing_else_is() -> None:
    sketch = Sketch(20_000)
    for number in range(20_000):
        sketch.add(f"known {number}")
    assert sum(f"unknown {number}" in sketch for number in range(20_000)) < 100


def test_the_next_one_errs_about_others() -> None:
    def wrong() -> set[int]:
        sketch = Sketch(0)
        for number in range(4000):
            sketch.add(f"known {number}")
        return {number for number in range(1000) if f"unknown {number}" in sketch}

    one, other = wrong(), wrong()
    assert one
    assert one != other


def test_nothing_is_in_an_empty_one() -> None:
    assert "" not in Sketch(0)
