"""What a client may change of a document's attributes, as a JSON merge patch (RFC 7396). Pure functions."""

from collections.abc import Mapping
from typing import Any

from artstore.attributes import AttributesInvalid, FileAttributes
from artstore.kernel.problems import Problem
from artstore.storage.files.strict_json import parse_json
from artstore.wire.problems import ProblemType

CHANGEABLE = ("description", "version", "tags", "custom_attributes")
"""Everything else describes the stored bytes, or who stored them, and never changes."""

Patch = Mapping[str, Any]


def parse_patch(body: bytes) -> Patch:
    """The patch in a request's body. Raises Problem for what is none, or names what cannot be changed."""
    try:
        patch = parse_json(body, "")
    except AttributesInvalid as error:
        raise Problem(ProblemType.INVALID_REQUEST, f"The body {error.reason}.") from error
    if not isinstance(patch, dict):
        raise Problem(
            ProblemType.INVALID_PARAMETER,
            'The body must be a JSON object with the members to change, such as {"description": "new"}.',
        )
    for name in patch:
        if name not in CHANGEABLE:
            raise Problem(
                ProblemType.INVALID_PARAMETER,
                f"The member {name[:64]!r} cannot be changed; what can are {', '.join(CHANGEABLE)}.",
                field=name[:64],
            )
    return patch


def patched(attributes: FileAttributes, patch: Patch) -> FileAttributes:
    """The attributes after the patch: members of ``custom_attributes`` are merged, everything else replaced.

    Null removes. Raises AttributesInvalid.
    """
    fields = dict(patch)
    if "custom_attributes" in patch:
        fields["custom_attributes"] = _custom_attributes(attributes, patch["custom_attributes"])
    if "tags" in patch:
        fields["tags"] = _tags(patch["tags"])
    return attributes.changed(**fields)


def merged(value: Any, patch: Any) -> Any:
    """MergePatch of RFC 7396, §2."""
    if not isinstance(patch, dict):
        return patch
    members = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            members.pop(name, None)
        else:
            members[name] = merged(members.get(name), change)
    return members


def _custom_attributes(attributes: FileAttributes, patch: Any) -> dict[str, Any]:
    if patch is None:
        return {}
    if not isinstance(patch, dict):
        raise AttributesInvalid("custom_attributes", 'must be a JSON object, such as {"year": 2026}, or null')
    try:
        members: dict[str, Any] = merged(attributes.custom_attributes, patch)
    except RecursionError:
        raise AttributesInvalid("custom_attributes", "is nested too deep") from None
    return members


def _tags(given: Any) -> list[str] | None:
    """As an upload stores them: without space around, each once; none at all are absent."""
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(tag, str) for tag in given):
        raise AttributesInvalid("tags", "must be a list of strings, or null")
    return list(dict.fromkeys(tag for tag in map(str.strip, given) if tag)) or None
