"""Ports for those that listen a little later, or never."""

import random

from artstore.launcher.ports import is_free

# Those above are given by the kernel to whoever asks for any, which other tests do all the time.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """One of 127.0.0.1 on which nobody listens."""
    while not is_free("127.0.0.1", port := random.choice(_PORTS)):
        pass
    return port
