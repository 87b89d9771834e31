"""What a service needs from others, as its health tells it."""

from typing import Protocol


class DependencyDown(Exception):
    """The dependency cannot be used now. The text is shown in the health of the service: no secrets in it."""


class Dependency(Protocol):
    """Something whose state belongs to the health of a service."""

    @property
    def name(self) -> str: ...

    @property
    def essential(self) -> bool:
        """Whether the service can do none of its work without it. What it can do without only degrades it."""
        ...

    async def check(self) -> str | None:
        """Returns when the dependency can be used, with what is to be said of it. Raises `DependencyDown`."""
        ...
