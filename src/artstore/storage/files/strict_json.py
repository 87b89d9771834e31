"""JSON from clients, refused where readers could differ about what it says."""

import json
from typing import Any, NoReturn

from artstore.attributes import AttributesInvalid


def parse_json(text: str | bytes, field: str) -> Any:
    """The value. Raises AttributesInvalid for ``field``: no JSON, a key twice, NaN, or nested too deep."""
    try:
        return json.loads(text, object_pairs_hook=_unambiguous, parse_constant=_no_constant)
    except RecursionError:
        raise AttributesInvalid(field, "is nested too deep") from None
    except ValueError as error:  # also UnicodeDecodeError
        raise AttributesInvalid(field, f"is not JSON: {error}") from error


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has the same key twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
