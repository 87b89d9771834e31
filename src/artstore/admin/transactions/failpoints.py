"""Named places between the steps of transactions where a test can make Admin die: see ``engine.failpoints``.

Armed by the environment variable ``ARTSTORE_ADMIN_FAILPOINTS`` when the application is made, else a no-op.
``before.hold`` lies before the step ``hold`` begins, ``after.hold`` behind it, when nothing of it is written
down yet, ``written.hold`` when its outcome is.
"""

from collections.abc import Mapping
from typing import Final

from artstore.engine.failpoints import Failpoint, parse

ENVIRONMENT: Final = "ARTSTORE_ADMIN_FAILPOINTS"
_STEPS = ("hold", "copy", "remove", "settle", "refuse", "withdraw", "release")
NAMES: Final = frozenset(f"{when}.{step}" for when in ("before", "after", "written") for step in _STEPS)


class Failpoints:
    """What ``text`` arms. Raises ValueError for a name or an action that does not exist."""

    def __init__(self, text: str = "") -> None:
        self._armed: Mapping[str, Failpoint] = parse(text, NAMES)

    def hit(self, name: str) -> None:
        """Marks a place. Does nothing unless it is armed."""
        if name in self._armed:
            self._armed[name].strike(name)
