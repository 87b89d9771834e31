"""The rules of one attribute file: what it says, who wrote it, and whether it lies where it says."""

import unicodedata
from collections.abc import Callable
from uuid import UUID

import pydantic_core

from artstore.attributes import (
    AttributesInvalid,
    AttributesTooLarge,
    FileAttributes,
    attribute_name,
    created_at_of,
    folder_of,
    is_sealed,
    parse,
)
from artstore.attributes.seal import SEAL
from artstore.engine.verify.origins import Origin, Origins
from artstore.engine.verify.rules import Rule

_RULE_OF_FIELD = {
    "": Rule.A001,
    "schema_version": Rule.A004,
    SEAL: Rule.A006,
    "storage_path": Rule.N005,
    "storage_filename": Rule.N005,
}


class AttributeCheck:
    """``add`` is told of each broken rule, with the path and what was found."""

    def __init__(self, origins: Origins, add: Callable[[Rule, str, object], None]) -> None:
        self._origins = origins
        self._add = add

    def check(self, stored: str, data: bytes) -> tuple[FileAttributes, Origin] | None:
        """What the attribute file of the document at ``stored`` says, and who wrote it; None if invalid.

        At most one finding: who renames or moves a document breaks several rules at once.
        """
        attributes = self._parse(stored, data)
        if attributes is None:
            return None
        origin = self._origins.of(stored, data, attributes)
        match origin:
            case Origin.UNSEALED:
                self._add(Rule.A006, attribute_name(stored), "")
            case Origin.CHANGED:
                self._add(Rule.A007, attribute_name(stored), "")
            case _:
                self._check_names(stored, data, attributes.file_id, own=origin is Origin.OWN)
        return attributes, origin

    def _parse(self, stored: str, data: bytes) -> FileAttributes | None:
        path = attribute_name(stored)
        try:
            return parse(data, at=stored)
        except AttributesTooLarge:
            self._add(Rule.A002, path, "")
        except AttributesInvalid as error:
            self._add(_RULE_OF_FIELD.get(error.field, Rule.A003), path, error)
        return None

    def _check_names(self, stored: str, data: bytes, file_id: UUID, *, own: bool) -> None:
        folder, _, name = stored.rpartition("/")
        members = pydantic_core.from_json(data)
        told_name, told_path = members.get("storage_filename"), members.get("storage_path")
        if told_name != name and (own or not _names(told_name, name)):
            self._add(Rule.N001, stored, f"the attributes name it {told_name}")
        elif is_sealed(data) and told_path != stored:
            self._add(Rule.N002, stored, f"the attributes place it at {told_path}")
        elif own and created_at_of(file_id) is not None:
            if folder != f"files/{folder_of(file_id)}":
                self._add(Rule.N003, stored, f"its id places it in files/{folder_of(file_id)}")
            elif str(file_id) not in name:
                self._add(Rule.N004, stored, f"its id is {file_id}")


def _names(told: object, name: str) -> bool:
    """Whether attributes of another maker name a file: with its folder, or in another form of Unicode."""
    if told is None:
        return True  # the name is where the attributes lie
    bare = str(told).replace("\\", "/").rpartition("/")[2]
    return unicodedata.normalize("NFC", bare) == unicodedata.normalize("NFC", name)
