"""The clock of somebody with an authenticator."""

import time

from artstore.admin.administrators import totp

_LEFT_SECONDS = 3.0


def step_with_room() -> int:
    """The step of now, of which some seconds are left: its codes are looked at a moment after they are told."""
    left = totp.PERIOD_SECONDS - time.time() % totp.PERIOD_SECONDS
    if left < _LEFT_SECONDS:
        time.sleep(left)
    return totp.step_at(time.time())
