"""Admin's keys in the health of a service that verifies tokens."""

from dataclasses import dataclass

from artstore.kernel.access.keys import KeySource, KeysUnavailable
from artstore.kernel.dependencies import DependencyDown

_NO_KEY = "-"
"""The id of no key, so that the key source must look whether the set has it."""


@dataclass(frozen=True)
class AdminKeysDependency:
    """Whether the key set can be read now. Not essential: keys that are known go on being used."""

    keys: KeySource
    essential: bool = False
    name: str = "admin_keys"

    async def check(self) -> None:
        try:
            await self.keys.key(_NO_KEY)
        except KeysUnavailable as error:
            raise DependencyDown("Admin does not give its keys") from error
