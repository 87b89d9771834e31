"""Elements for tests. The checker is the oracle: whatever a test did, its elements break no rule afterwards."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from artstore.engine import Engine, EngineOptions, Locate
from artstore.engine.verify import verify
from tests.support.engines import options_of

OpenElement = Callable[..., Awaitable[Engine]]
"""Opens the test's element, with options of its own; ``root`` and ``locate`` may be given too."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "element"


@pytest.fixture
def damages() -> None:
    """Asked for by a test that leaves an element that breaks rules, on purpose."""


@pytest.fixture
async def open_element(root: Path, request: pytest.FixtureRequest) -> AsyncIterator[OpenElement]:
    """Closes what is open at the end and verifies each root, unless the test asks for ``damages``."""
    engines: list[Engine] = []
    roots = {root}
    default = root

    async def open_(*, root: Path = default, locate: Locate | None = None, **options: Any) -> Engine:
        roots.add(root)
        engine = await Engine.open(root, options_of(**options), locate=locate)
        engines.append(engine)
        return engine

    yield open_
    for engine in engines:
        await engine.close()
    if "damages" not in request.fixturenames:
        for each in roots:
            if (each / "element.json").exists():
                await check(each)


async def check(root: Path) -> None:
    """Nothing is wrong with an element, and after one more start nothing is left over either."""
    assert not verify(root).damaged, [str(finding) for finding in verify(root).findings]
    engine = await Engine.open(root, EngineOptions(create=False, segment_bytes=1 << 16, follow_seconds=0.0))
    found = engine.recovery.findings
    await engine.close()
    assert found == []
    assert [str(finding) for finding in verify(root).findings] == []
