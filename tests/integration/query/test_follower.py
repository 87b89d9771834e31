"""Following elements through a real Redis into a real PostgreSQL. The element is a model behind real HTTP."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from artstore.launcher.redis import EmbeddedRedis
from artstore.query import metrics
from artstore.wire.events import ENTRY_FIELD, EventKind, element_stream
from tests.support.element_model import BEGINNING
from tests.support.system import eventually

from .following import Following, ServedElement

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class TestStream:
    async def test_is_enough_while_it_is_whole(self, following: Following, element: ServedElement) -> None:
        listings = element.listings
        for number in range(4, 40):
            await element.store(number)
        element.change(EventKind.DELETE, UUID(int=7))
        element.change(EventKind.MODE, UUID(int=1))
        element.change(EventKind.UPDATE, UUID(int=8))
        await element.publish(element.last_lsn - 3)
        await following.reaches(element)
        await following.equals(element)
        assert element.listings == listings

    async def test_new_element_is_followed(self, following: Following, element: ServedElement) -> None:
        late = await following.element("edit-01")
        await late.store(50)
        await late.announce()
        await following.reaches(late)
        await late.store(51)
        await following.reaches(late)
        await following.equals(late)
        await following.equals(element)

    async def test_slow_listing_holds_no_other_element_up(
        self, following: Following, element: ServedElement
    ) -> None:
        slow = await following.element("slow-01")
        slow.answers.clear()
        await slow.store(60)
        await slow.announce()
        await eventually(lambda: slow.listings > 0, "the slow element is not asked")
        await element.store(4)
        await following.reaches(element)
        slow.answers.set()
        await following.reaches(slow)


class TestListing:
    async def test_lost_events(self, following: Following, element: ServedElement) -> None:
        await element.store(4, 5, 6, 7, 8, publish=False)
        await element.store(9)
        await following.reaches(element)
        await following.equals(element)

    async def test_lost_stream(self, following: Following, element: ServedElement) -> None:
        await following.redis.delete(element_stream("rw-01"))
        await element.store(4, 5, publish=False)
        await element.announce()
        await following.reaches(element)
        await following.equals(element)
        await element.store(6)
        await following.reaches(element)

    async def test_trimmed_before_it_was_read(self, following: Following) -> None:
        element = await following.element("edit-01")
        await element.store(*range(1, 9))
        await following.redis.xtrim(element_stream("edit-01"), maxlen=2, approximate=False)
        await element.announce()
        await following.reaches(element)
        await following.equals(element)

    async def test_documents_from_before_the_log(self, following: Following) -> None:
        element = await following.element("old-01")
        element.adopt(UUID(int=70))
        await element.store(71)
        await element.announce()
        await following.reaches(element)
        await following.equals(element)

    async def test_event_of_a_kind_that_is_not_known(
        self, following: Following, element: ServedElement
    ) -> None:
        await element.store(4, publish=False)
        unknown = element.events[-1].model_dump_json().replace('"put"', '"put-with-seal"')
        await following.redis.xadd(element_stream("rw-01"), {ENTRY_FIELD: unknown}, id="4-0")
        await following.reaches(element)
        await following.equals(element)

    async def test_element_that_cannot_be_asked_for_a_while(
        self, following: Following, element: ServedElement
    ) -> None:
        element.away = True
        await element.store(4, publish=False)
        await element.store(5)
        before = element.listings
        await eventually(lambda: element.listings >= before + 2, "the element is not asked again")
        element.away = False
        await following.reaches(element)
        await following.equals(element)

    async def test_deletions_that_the_element_forgot(
        self, following: Following, element: ServedElement
    ) -> None:
        element.change(EventKind.DELETE, UUID(int=2))
        await element.store(4, publish=False)
        element.rebuild_index(element.last_lsn)
        await element.announce()
        await following.reaches(element)
        await following.equals(element)


async def test_redis_that_was_away(
    following: Following, element: ServedElement, redis_server: EmbeddedRedis
) -> None:
    await asyncio.to_thread(redis_server.kill)
    await element.store(4, 5, publish=False)
    await asyncio.to_thread(redis_server.start)
    await element.announce()
    await following.reaches(element)
    await following.equals(element)
    await element.store(6)
    await following.reaches(element)


async def test_element_that_was_put_back_from_a_backup(following: Following, element: ServedElement) -> None:
    """Its log is shorter than what the catalog took; the stream of the other history is gone with it."""
    await element.store(*range(10, 30))
    await following.reaches(element)
    restored = await following.element("rw-01")
    await restored.store(1, 2, publish=False)
    await following.redis.delete(element_stream("rw-01"))

    async def taken_anew() -> bool:
        await restored.announce()
        return following.follower.position("rw-01") == restored.last_lsn

    await eventually(taken_anew, "the catalog keeps to the other history")
    await following.equals(restored)


async def test_lag_is_a_metric(following: Following, element: ServedElement) -> None:
    element.away = True
    await element.store(4, 5, publish=False)
    await element.announce()

    def lag() -> float:
        return next(
            sample.value
            for metric in metrics.CATALOG_LAG.collect()
            for sample in metric.samples
            if sample.labels == {"element": "rw-01"}
        )

    await eventually(lambda: lag() == 2, "the lag is not told")
    element.away = False
    await eventually(lambda: lag() == 0, "the lag does not go away")


async def test_delay_is_a_metric(following: Following, element: ServedElement) -> None:
    """Of each change that an event tells of, and of none that only the listing has."""

    def delays() -> tuple[float, float]:
        samples = [sample for metric in metrics.CATALOG_DELAY.collect() for sample in metric.samples]
        values = {sample.name.rpartition("_")[2]: sample.value for sample in samples if not sample.labels}
        return values["count"], values["sum"]

    count, total = delays()
    await element.store(4, 5)
    element.change(EventKind.DELETE, UUID(int=4))
    await element.publish(element.last_lsn - 1)
    await following.reaches(element)
    await element.store(6, publish=False)
    await element.announce()
    await following.reaches(element)
    assert delays()[0] - count == 3
    age = (datetime.now(UTC) - BEGINNING).total_seconds()
    assert age - 60 < (delays()[1] - total) / 3 < age
