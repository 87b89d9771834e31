"""The states of a circuit breaker, in a time that the test makes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from artstore.kernel.dependencies import DependencyDown
from artstore.kernel.peers import Attempt, BreakerOptions, Breakers, BreakerState
from artstore.wire.elements import ElementState, RegisteredElement, Registration
from tests.support.announcements import NOW, registered


class World:
    """Breakers that open after three failures for 2, 4, 8, at most 10 seconds, times ``varied``."""

    def __init__(self) -> None:
        self.now = 100.0
        self.varied = 1.0
        options = BreakerOptions(failures=3, open_seconds=2, longest_seconds=10)
        self.breakers = Breakers(options, clock=lambda: self.now, vary=self._vary)

    def _vary(self, least: float, most: float) -> float:
        assert (least, most) == (0.5, 1.5)
        return self.varied

    def attempt(self, of: RegisteredElement | None = None) -> Attempt:
        attempt = self.breakers.attempt(of or registered())
        assert attempt is not None
        return attempt

    def refused(self, of: RegisteredElement | None = None) -> bool:
        return self.breakers.attempt(of or registered()) is None

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            with self.attempt() as attempt:
                attempt.failed("cannot be reached")

    def is_(self, state: BreakerState) -> bool:
        return self.breakers.state("e1") is state


@pytest.fixture
def world() -> World:
    return World()


class TestClosed:
    def test_is_how_it_begins(self, world: World) -> None:
        assert world.is_(BreakerState.CLOSED)
        assert not world.refused()

    def test_failures_in_a_row_open_it(self, world: World) -> None:
        world.fail(2)
        assert world.is_(BreakerState.CLOSED)
        world.fail()
        assert world.is_(BreakerState.OPEN)
        assert world.refused()

    def test_a_success_begins_the_count_anew(self, world: World) -> None:
        world.fail(2)
        world.attempt().succeeded()
        world.fail(2)
        assert world.is_(BreakerState.CLOSED)

    def test_what_ends_without_a_word_says_nothing(self, world: World) -> None:
        world.fail(2)
        with world.attempt():
            pass
        world.fail()
        assert world.is_(BreakerState.OPEN)

    def test_many_at_once_are_let_through(self, world: World) -> None:
        attempts = [world.attempt() for _ in range(10)]
        for attempt in attempts:
            attempt.failed("cannot be reached")
        assert world.is_(BreakerState.OPEN)
        world.now += 2
        assert not world.refused(), "those who failed after it opened opened it for longer"

    def test_other_elements_are_not_concerned(self, world: World) -> None:
        world.fail(3)
        assert not world.refused(registered("e2"))


class TestOpen:
    @pytest.mark.parametrize("varied", [0.5, 1.0, 1.5])
    def test_until_its_time_is_over(self, world: World, varied: float) -> None:
        world.varied = varied
        world.fail(3)
        world.now += 2 * varied - 0.01
        assert world.refused()
        assert world.breakers.seconds_to_wait(["e1"]) == pytest.approx(0.01)
        world.now += 0.02
        assert not world.refused()
        assert world.is_(BreakerState.HALF_OPEN)

    def test_longer_with_each_trial_that_fails_up_to_a_bound(self, world: World) -> None:
        world.fail(3)
        for seconds in (2, 4, 8, 10, 10, 10):
            world.now += seconds - 0.01
            assert world.refused(), seconds
            world.now += 0.02
            world.fail()
            assert world.is_(BreakerState.OPEN)

    def test_never_longer_than_the_bound(self, world: World) -> None:
        world.varied = 1.5
        world.fail(3)
        for _ in range(100):
            world.now += 10
            world.fail()
        assert world.breakers.seconds_to_wait(["e1"]) == 10

    def test_a_start_of_the_element_ends_it(self, world: World) -> None:
        world.fail(3)
        assert world.refused(registered(announced_at=NOW + timedelta(seconds=5)))
        with world.attempt(registered(started_at=NOW + timedelta(seconds=1))):
            assert world.is_(BreakerState.HALF_OPEN)

    def test_success_of_a_call_from_before_changes_nothing(self, world: World) -> None:
        before = world.attempt()
        world.fail(3)
        before.succeeded()
        assert world.is_(BreakerState.OPEN)


class TestHalfOpen:
    def half_open(self, world: World) -> Attempt:
        world.fail(3)
        world.now += 2.01
        return world.attempt()

    def test_one_may_try_and_the_others_not(self, world: World) -> None:
        self.half_open(world)
        assert world.is_(BreakerState.HALF_OPEN)
        assert world.refused()

    def test_success_closes_it(self, world: World) -> None:
        self.half_open(world).succeeded()
        assert world.is_(BreakerState.CLOSED)
        world.fail(2)
        assert world.is_(BreakerState.CLOSED)

    def test_failure_opens_it_at_once(self, world: World) -> None:
        self.half_open(world).failed("cannot be reached")
        assert world.is_(BreakerState.OPEN)

    def test_the_next_may_try_where_the_first_says_nothing(self, world: World) -> None:
        with self.half_open(world):
            pass
        assert world.is_(BreakerState.HALF_OPEN)
        assert not world.refused()

    def test_the_first_word_counts(self, world: World) -> None:
        with self.half_open(world) as attempt:
            attempt.succeeded()
            attempt.failed("broke off later")
        assert world.is_(BreakerState.CLOSED)

    def test_being_reached_lets_others_in_before_the_trial_is_over(self, world: World) -> None:
        trial = self.half_open(world)
        trial.reached()
        assert world.is_(BreakerState.CLOSED)
        assert not world.refused()
        trial.failed("broke off later")
        assert world.is_(BreakerState.OPEN)

    def test_being_reached_does_not_count_as_success_of_what_is_closed(self, world: World) -> None:
        world.fail(2)
        attempt = world.attempt()
        attempt.reached()
        attempt.failed("broke off later")
        assert world.is_(BreakerState.OPEN)


class TestTold:
    def value(self, name: str, state: BreakerState) -> float:
        return REGISTRY.get_sample_value(name, {"element_id": "e1", "state": state}) or 0

    def test_in_metrics(self, world: World) -> None:
        world.attempt()
        opened = self.value("artstore_element_breaker_changes_total", BreakerState.OPEN)
        world.fail(3)
        assert self.value("artstore_element_breaker_changes_total", BreakerState.OPEN) == opened + 1
        states = {state: self.value("artstore_element_breaker", state) for state in BreakerState}
        assert states == {BreakerState.CLOSED: 0, BreakerState.OPEN: 1, BreakerState.HALF_OPEN: 0}

    async def test_in_health(self, world: World) -> None:
        elements = [registered(), registered("e2")]
        dependency = world.breakers.dependency(lambda: elements)
        assert not dependency.essential
        await dependency.check()
        world.fail(3)
        with pytest.raises(DependencyDown, match=r"^e1 is open$"):
            await dependency.check()
        elements[0] = registered(registration=Registration(state=ElementState.RETIRED))
        await dependency.check()


_STEPS = st.lists(
    st.sampled_from(["begin", "succeed", "fail", "leave", "wait", "restart"]) | st.floats(0, 12), max_size=60
)


@given(_STEPS)
def test_it_never_stays_open_and_never_tries_twice_at_once(steps: list[str | float]) -> None:
    world, running, started = World(), list[Attempt](), NOW
    ends: dict[str, Callable[[Attempt], None]] = {
        "succeed": lambda attempt: attempt.succeeded(),
        "fail": lambda attempt: attempt.failed("x"),
        "leave": lambda attempt: attempt.__exit__(None, None, None),
    }
    for step in steps:
        if isinstance(step, float):
            world.now += step
        elif step == "restart":
            started += timedelta(seconds=1)
        elif (
            step == "begin" and (found := world.breakers.attempt(registered(started_at=started))) is not None
        ):
            running.append(found)
        elif step in ends and running:
            ends[step](running.pop())
        assert world.breakers.seconds_to_wait(["e1"]) <= 10
    for attempt in running:
        ends["leave"](attempt)
    world.now += 10.01
    with world.attempt(registered(started_at=started)) as last:
        if world.is_(BreakerState.HALF_OPEN):
            assert world.refused(registered(started_at=started))
        last.succeeded()
    assert world.is_(BreakerState.CLOSED)
