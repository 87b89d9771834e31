"""Passing over an element once, in one line."""

from typing import Any

from artstore.engine import Engine
from artstore.engine.scrub import Scrub, ScrubFinding


async def scrubbed(engine: Engine, **options: Any) -> Scrub:
    """The scrub after one whole pass."""
    scrub = engine.scrub(**{"bytes_per_second": None, **options})
    await passed(scrub)
    return scrub


async def passed(scrub: Scrub) -> None:
    """Makes a whole pass, or ends one that was interrupted."""
    scrub.start()
    await scrub.wait()
    assert scrub.progress().failed is None
    assert not scrub.interrupted


def findings(scrub: Scrub) -> list[ScrubFinding]:
    result = scrub.last_result()
    assert result is not None
    return list(result.findings)


def told(scrub: Scrub) -> list[tuple[str, str]]:
    """Codes and paths of what the last pass found."""
    return sorted((finding.code, finding.path) for finding in findings(scrub))
