"""Blocking calls beside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

_T = TypeVar("_T")


async def in_thread(threads: Executor, call: Callable[..., _T], *arguments: object) -> _T:
    """What ``call`` gives, from a thread of ``threads``. When cancelled, the call goes on without anybody."""
    return await asyncio.wrap_future(threads.submit(call, *arguments))
