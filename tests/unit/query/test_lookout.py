"""What announcements say about the catalog."""

from datetime import timedelta

from artstore.query.catalog.changes import NOTHING_KNOWN
from artstore.query.catalog.lookout import PATIENCE_SECONDS, Lookout
from artstore.wire.elements import ElementAnnouncement
from tests.support.announcements import NOW, announced


def at(last_lsn: int, seconds: float = 0) -> ElementAnnouncement:
    return announced(last_lsn=last_lsn, announced_at=NOW + timedelta(seconds=seconds))


class TestIsBehind:
    def test_after_a_while_without_news(self) -> None:
        lookout = Lookout()
        assert not lookout.is_behind(at(8), 7, news=False, now=100.0)
        assert lookout.is_behind(at(8), 7, news=False, now=100.0 + PATIENCE_SECONDS)

    def test_not_while_there_is_news(self) -> None:
        lookout = Lookout()
        assert not lookout.is_behind(at(8), 6, news=False, now=100.0)
        assert not lookout.is_behind(at(9), 7, news=True, now=101.0)
        assert not lookout.is_behind(at(9), 7, news=False, now=101.5)

    def test_not_when_it_was_reached(self) -> None:
        lookout = Lookout()
        assert not lookout.is_behind(at(8), 7, news=False, now=100.0)
        assert not lookout.is_behind(at(8), 8, news=False, now=100.5)
        assert not lookout.is_behind(at(9), 8, news=False, now=101.5)

    def test_at_once_where_nothing_is_known(self) -> None:
        assert Lookout().is_behind(at(0), NOTHING_KNOWN, news=False, now=100.0)


class TestHasAnotherHistory:
    def test_announcement_older_than_the_events_says_nothing(self) -> None:
        lookout = Lookout()
        assert not lookout.has_another_history(at(5, seconds=0), 7)
        assert not lookout.has_another_history(at(7, seconds=5), 7)
        assert not lookout.has_another_history(at(6, seconds=20), 7)

    def test_several_that_agree(self) -> None:
        lookout = Lookout()
        assert not lookout.has_another_history(at(5, seconds=0), 7)
        assert not lookout.has_another_history(at(5, seconds=5), 7)
        assert lookout.has_another_history(at(6, seconds=10), 7)

    def test_position_that_moves_on(self) -> None:
        lookout = Lookout()
        assert not lookout.has_another_history(at(5, seconds=0), 7)
        assert not lookout.has_another_history(at(8, seconds=10), 9)
        assert not lookout.has_another_history(at(8, seconds=15), 9)
