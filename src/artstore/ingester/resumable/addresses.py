"""Addresses of resumable uploads: which element has the upload, and what it is called there."""

import re
from typing import NamedTuple, Self

PATH = "/api/v1/uploads"
_NAME = re.compile(r"([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\.([0-9a-f]{32})")


class Address(NamedTuple):
    element_id: str
    upload_id: str

    @classmethod
    def of(cls, name: str) -> Self | None:
        """From the last part of a path, or a URL that ends with it. None for what no address is like."""
        match = _NAME.fullmatch(name.rpartition("/")[2])
        return None if match is None else cls(*match.groups())

    @property
    def path(self) -> str:
        """Here."""
        return f"{PATH}/{self.element_id}.{self.upload_id}"

    @property
    def path_at_element(self) -> str:
        return f"{PATH}/{self.upload_id}"
