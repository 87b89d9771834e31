"""The last known state of all elements."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from artstore.kernel.dependencies import DependencyDown
from artstore.kernel.logging import get_logger
from artstore.kernel.peers.registry import AdminAway, AdminRegistry
from artstore.wire.elements import (
    ANNOUNCE_EVERY_SECONDS,
    ANNOUNCEMENT_EXPIRES_SECONDS,
    ELEMENTS_CHANNEL,
    ELEMENTS_KEY,
    REGISTRY_CHANNEL,
    REGISTRY_KEY,
    ElementAnnouncement,
    ElementHealth,
    RegisteredElement,
    Registration,
    announcement_key,
)

_log = get_logger(__name__)
_RETRY_SECONDS = 1.0
_FIRST_SECONDS = 2.0
_SOON_SECONDS = 0.1
"""While Admin, which starts as well, cannot be asked yet; then twice as long each time."""
_ADMIN_SECONDS = 5.0
"""Announcements wait for the answer."""
_UNREGISTERED = Registration()
_AWAY = {"health": ElementHealth.AWAY}
Announced = TypeVar("Announced", bound=ElementAnnouncement)


class Source(StrEnum):
    """Where the state of the elements comes from at present."""

    NONE = "none"
    """Nobody could be asked since the last time; what is known may be out of date."""
    REDIS = "redis"
    ADMIN = "admin"


class ElementDirectory:
    """Follows the announcements of elements; answers from memory, at once, whatever is away.

    Start `run` as a task; `ready` is set when the state was learned for the first time. Nothing that was once
    known is forgotten: an element that no longer announces itself is still listed, as AWAY. That is so
    when its announcement has expired while Redis was there to hold one; while Redis is away the last known
    state stands, and Admin's registry is asked for what it knows. With each element comes what the registry
    says of it, which Admin publishes in Redis.
    """

    def __init__(
        self,
        redis: Redis,
        admin: AdminRegistry | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ready = asyncio.Event()
        self.source = Source.NONE
        self.admin = admin
        """The registry to ask while Redis is away; may be given later, as it needs a running loop."""
        self._redis = redis
        self._clock = clock
        self._known: dict[str, ElementAnnouncement] = {}
        self._heard_at: dict[str, float] = {}
        self._missing: set[str] = set()
        self._named: set[str] = set()
        """In Redis, whether or not they announce themselves now."""
        self._unknown_to_admin: set[str] = set()
        """Of those, so that nothing more can be learned of them."""
        self._all_known = asyncio.Event()
        self._admin_is_away = False
        self._registrations: dict[str, Registration] = {}
        self._joined: dict[str, RegisteredElement] | None = None
        """What was announced last, by id, made when it is asked for: which is more often than it changes."""
        self._redis_run = b""
        self._redis_since = clock()

    def elements(self) -> list[RegisteredElement]:
        """All known elements, ordered by id."""
        joined = self._all_joined().values()
        return [self._seen(element) for element in joined] if self._missing else list(joined)

    def announced(self) -> list[ElementAnnouncement]:
        """The same without what the registry says."""
        return [self._seen(self._known[element_id]) for element_id in sorted(self._known)]

    def get(self, element_id: str) -> RegisteredElement | None:
        known = self._all_joined().get(element_id)
        return None if known is None else self._seen(known)

    @property
    def is_up_to_date(self) -> bool:
        """Whether an element that is not known is one that does not exist.

        It may be one that has not come back yet after everything was started anew. Without an account at
        Admin, who could tell, that is not seen.
        """
        return self.ready.is_set() and self.source is not Source.NONE and self._all_known.is_set()

    async def learned_first(self) -> None:
        """For the start of a service, beside `run`: wait until all elements are known, for a moment at most,
        so that the first requests need not be refused.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_SECONDS):
                await self.ready.wait()
                await self._all_known.wait()

    async def run(self) -> None:
        """Follows until cancelled. Never raises for Redis or Admin being away."""
        while True:
            try:
                await self._follow()
            except (RedisError, OSError) as error:
                _log.warning("Redis is away; the last known elements stand", error=type(error).__name__)
            self.source = Source.NONE
            await self._learn_from_admin()
            await asyncio.sleep(_RETRY_SECONDS * random.uniform(0.5, 1.5))

    def _all_joined(self) -> dict[str, RegisteredElement]:
        if self._joined is None:
            self._joined = {
                element_id: RegisteredElement.model_construct(
                    **self._known[element_id].__dict__,
                    registration=self._registrations.get(element_id, _UNREGISTERED),
                )
                for element_id in sorted(self._known)
            }
        return self._joined

    def _seen(self, known: Announced) -> Announced:
        if not self._is_away(known.element_id):
            return known
        return known.model_copy(update=_AWAY)

    def _is_away(self, element_id: str) -> bool:
        """Without an announcement, for as long as one lasts, in a Redis that was there to receive one.

        A Redis that has just been started (or has failed over to a replica) is empty; that says nothing.
        """
        if self.source is not Source.REDIS or element_id not in self._missing:
            return False
        since = max(self._heard_at.get(element_id, 0.0), self._redis_since)
        return self._clock() - since >= ANNOUNCEMENT_EXPIRES_SECONDS

    async def _follow(self) -> None:
        async with self._redis.pubsub() as subscription:
            # Subscribed first, so that nothing is missed between the list and the first message.
            await subscription.subscribe(ELEMENTS_CHANNEL, REGISTRY_CHANNEL)
            soon = _SOON_SECONDS
            while True:
                await self._take_all()
                certain = self._all_known.is_set()
                soon = _SOON_SECONDS if certain else min(2 * soon, ANNOUNCE_EVERY_SECONDS)
                await self._listen(subscription, seconds=ANNOUNCE_EVERY_SECONDS if certain else soon)

    async def _take_all(self) -> None:
        await self._notice_new_redis()
        ids = sorted(_text(member) for member in await self._redis.smembers(ELEMENTS_KEY))
        announcements = await self._redis.mget([announcement_key(i) for i in ids]) if ids else []
        held = {i: value for i, value in zip(ids, announcements, strict=True) if value is not None}
        for value in held.values():
            self._take(value)
        self._missing = self._known.keys() - held.keys()
        self._named |= set(ids)
        await self._take_registry()
        self._learned(Source.REDIS)

    async def _hear_of_all(self) -> None:
        """Asks Admin where Redis does not tell of all elements: it has lost all, or the last announcement of
        one that is not there yet has expired.
        """
        self._named |= self._registrations.keys()
        unheard = self._named - self._known.keys() - self._unknown_to_admin
        if self.admin is None or (self._registrations and not unheard):
            self._all_known.set()
            return
        if unheard:  # at once: Admin may hang
            self._all_known.clear()
        if await self._ask_admin():
            self._unknown_to_admin |= self._named - self._known.keys()
            self._all_known.set()
        else:
            self._all_known.clear()

    async def _take_registry(self) -> None:
        """What Admin has published."""
        published = await self._redis.hgetall(REGISTRY_KEY)
        for element_id, value in published.items():
            try:
                self._register(_text(element_id), Registration.model_validate_json(value))
            except ValidationError as error:
                _log.warning("a registration of an element is unreadable", errors=error.error_count())
        await self._hear_of_all()

    def _register(self, element_id: str, registration: Registration) -> None:
        known = self._registrations.get(element_id)
        # Two Admins may publish, and the slower one last.
        if known is None or known.revision <= registration.revision:
            self._registrations[element_id] = registration
            self._joined = None

    async def _notice_new_redis(self) -> None:
        run_id = (await self._redis.info("server")).get("run_id", b"")
        if run_id != self._redis_run or self.source is not Source.REDIS:
            self._redis_run = run_id
            self._redis_since = self._clock()

    async def _listen(self, subscription: PubSub, *, seconds: float) -> None:
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0:
            message = await subscription.get_message(ignore_subscribe_messages=True, timeout=left)
            if message is None:
                continue
            if _text(message["channel"]) == REGISTRY_CHANNEL:
                await self._take_registry()
            else:
                self._take(message["data"])

    def _take(self, value: bytes | str) -> None:
        try:
            announcement = ElementAnnouncement.model_validate_json(value)
        except ValidationError as error:
            _log.warning("an announcement of an element is unreadable", errors=error.error_count())
            return
        self._remember(announcement)

    def _remember(self, announcement: ElementAnnouncement) -> None:
        element_id = announcement.element_id
        known = self._known.get(element_id)
        if known is not None and known.announced_at >= announcement.announced_at:
            return
        if known is None or (known.url, known.mode, known.health) != (
            announcement.url,
            announcement.mode,
            announcement.health,
        ):
            _log.info(
                "an element changed",
                element_id=element_id,
                url=announcement.url,
                mode=announcement.mode,
                health=announcement.health,
            )
        self._known[element_id] = announcement
        self._joined = None
        self._heard_at[element_id] = self._clock()
        self._missing.discard(element_id)

    def _learned(self, source: Source) -> None:
        if source is not self.source:
            _log.info("the elements are learned", learned_from=source, elements=len(self._known))
        self.source = source
        self.ready.set()

    async def _learn_from_admin(self) -> None:
        if await self._ask_admin():
            self._all_known.set()
            self._learned(Source.ADMIN)

    async def _ask_admin(self) -> bool:
        """Whether Admin told what its registry has."""
        if self.admin is None:
            return False
        try:
            async with asyncio.timeout(_ADMIN_SECONDS):
                listed = await self.admin.elements()
        except (AdminAway, TimeoutError) as error:
            reason = error.reason if isinstance(error, AdminAway) else "it does not answer"
            if not self._admin_is_away:
                _log.warning("the registry of elements is away too", reason=reason)
            self._admin_is_away = True
            return False
        self._admin_is_away = False
        for element in listed:
            self._remember(ElementAnnouncement.model_validate(element.model_dump()))
            self._register(element.element_id, element.registration)
        return True

    def dependency(self, *, essential: bool = False) -> "DirectoryDependency":
        return DirectoryDependency(self, essential)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


class DirectoryDependency:
    """In the health of a service: whether any element is known and not away, and whether all are known."""

    name = "elements"

    def __init__(self, directory: ElementDirectory, essential: bool) -> None:
        self._directory = directory
        self.essential = essential

    async def check(self) -> None:
        elements = self._directory.elements()
        if not elements:
            raise DependencyDown("no storage element is known")
        if all(element.health is ElementHealth.AWAY for element in elements):
            raise DependencyDown("all storage elements are away")
        if not self._directory.is_up_to_date:
            raise DependencyDown(
                "there may be others than those that are known: neither Redis nor Admin says"
            )
