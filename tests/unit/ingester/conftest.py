"""An Ingester's uploads, before elements that a test plays."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from artstore.ingester.settings import IngesterSettings
from tests.support.playing_elements import NOWHERE, World, running


@pytest.fixture
def settings() -> IngesterSettings:
    """With patience for a busy machine: a test of silence lets the time pass (`World.lets_time_pass`)."""
    return IngesterSettings(
        database_url=NOWHERE,
        redis_url=SecretStr("redis://127.0.0.1:1"),
        admin_url="http://127.0.0.1:1",
        max_file_bytes=20_000_000,
        held_answer_seconds=60,
    )


@pytest.fixture
async def world(settings: IngesterSettings) -> AsyncIterator[World]:
    async for world in running(settings):
        yield world


@pytest.fixture
async def holding(settings: IngesterSettings) -> AsyncIterator[World]:
    """Holds every body."""
    async for world in running(settings.model_copy(update={"held_bytes": 32 << 20})):
        yield world
