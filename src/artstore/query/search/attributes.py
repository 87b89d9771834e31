"""Conditions on custom attributes as they are written in a URL.

``signed`` (it is there), ``!signed`` (it is not), ``customer.name=Almaz``, ``pages>=10``, ``date<=2025-04``.

A dot or operator of a name has ``\\`` before it. What reads as JSON (a number, true, a text in
quotation marks) is that, everything else a text. A number is found as a text of the same letters too.
"""

import json
import math
import re
from typing import Any

from pydantic import ValidationError

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from artstore.wire.search_filters import AttributeFilter

_NAME = re.compile(r"(?:\\.|[^\\.=<>])+", re.DOTALL)
_OPERATOR = re.compile(r">=|<=|=|>|<")


def read_attribute(written: str) -> tuple[AttributeFilter, ...]:
    """One of these must be met. Raises Problem INVALID_PARAMETER."""
    try:
        return _read(written)
    except (ValidationError, ValueError) as error:
        raise _refused(error, "attribute", "name, !name, name=value, name>=value or name<=value") from error


def read_path(written: str, *, field: str) -> tuple[str, ...]:
    """The path to an attribute. Raises Problem INVALID_PARAMETER that names the field."""
    try:
        path, end = _path(written, 0)
        if end != len(written):
            raise ValueError("something follows the name")
        return tuple(AttributeFilter(path=path).path)
    except (ValidationError, ValueError) as error:
        raise _refused(error, field, "name or outer.inner") from error


def _refused(error: ValueError, field: str, form: str) -> Problem:
    reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
    return Problem(
        ProblemType.INVALID_PARAMETER, f"'{field}' cannot be accepted: {reason}. Write {form}.", field=field
    )


def _read(written: str) -> tuple[AttributeFilter, ...]:
    absent = written.startswith("!")
    path, place = _path(written, 1 if absent else 0)
    if place == len(written):
        return (AttributeFilter(path=path, exists=not absent),)
    operator = _OPERATOR.match(written, place)
    if operator is None or absent:
        raise ValueError("there is no operator behind the name")
    text = written[operator.end() :]
    value = _value(text)
    if operator.group() == "=":
        values = [value] if isinstance(value, str | dict | list) else [value, text]
        return tuple(AttributeFilter(path=path, equals=each) for each in values)
    bound = value if isinstance(value, str | int | float) and not isinstance(value, bool) else text
    match operator.group():
        case ">=":
            return (AttributeFilter(path=path, min=bound),)
        case "<=":
            return (AttributeFilter(path=path, max=bound),)
        case other:
            raise ValueError(f"'{other}' is no operator here")


def _path(written: str, place: int) -> tuple[list[str], int]:
    path: list[str] = []
    while True:
        name = _NAME.match(written, place)
        if name is None:
            raise ValueError("a name is missing")
        path.append(re.sub(r"\\(.)", r"\1", name.group(), flags=re.DOTALL))
        place = name.end()
        if not written.startswith(".", place):
            return path, place
        place += 1


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value
