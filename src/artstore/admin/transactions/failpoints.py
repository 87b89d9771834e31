"""Named places between the steps of transactions where a test can make Admin die: see ``engine.failpoints``.

Armed by the environment variable ``ARTSTORE_ADMIN_FAILPOINTS`` when the process starts, a no-op otherwise.
``before.hold`` lies before the step ``hold`` begins, ``after.hold`` behind it, when nothing of it is written
down yet, ``written.hold`` when its outcome is.
"""

import os
from typing import Final

from artstore.engine.failpoints import parse

ENVIRONMENT: Final = "ARTSTORE_ADMIN_FAILPOINTS"
_STEPS = ("hold", "copy", "remove", "refuse", "withdraw", "release")
NAMES: Final = frozenset(f"{when}.{step}" for when in ("before", "after", "written") for step in _STEPS)
_armed = parse(os.environ.get(ENVIRONMENT, ""), NAMES)


def hit(name: str) -> None:
    """Marks a place. Does nothing unless the environment armed it."""
    if name in _armed:
        _armed[name].strike(name)
