"""The page on configuration tells of every setting, with the default and the limits that the code has."""

import re
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import annotated_types
import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from artstore.admin.settings import AdminSettings
from artstore.ingester.settings import IngesterSettings
from artstore.kernel.settings import ServiceSettings
from artstore.query.settings import QuerySettings
from artstore.storage.settings import StorageSettings
from tests.support import pages

PAGE = pages.read("configuration.md")
ROWS = {row.name: row for row in pages.rows(PAGE, "variable")}
EVERY_SERVICE = "ARTSTORE_<SERVICE>_"
SERVICES: tuple[type[ServiceSettings], ...] = (
    AdminSettings,
    StorageSettings,
    IngesterSettings,
    QuerySettings,
)


def prefix_of(settings: type[ServiceSettings]) -> str:
    return str(settings.model_config["env_prefix"])


def fields() -> dict[str, FieldInfo]:
    """Every setting under the name of its variable; those of every service once, where nothing differs."""
    found = {f"{EVERY_SERVICE}{name.upper()}": field for name, field in ServiceSettings.model_fields.items()}
    for settings in SERVICES:
        for name, field in settings.model_fields.items():
            common = ServiceSettings.model_fields.get(name)
            if common is None or (field.default, field.annotation) != (common.default, common.annotation):
                found[prefix_of(settings) + name.upper()] = field
    return found


FIELDS = fields()


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    outside = {row.name for row in pages.rows(PAGE, "variable") if row.heading == "Commands and library"}
    assert set(ROWS) - outside == set(FIELDS)


def test_no_page_names_a_variable_that_is_not_there() -> None:
    everywhere = {
        prefix_of(settings) + name.upper() for settings in SERVICES for name in settings.model_fields
    }
    known = everywhere | set(ROWS) | {prefix_of(settings) for settings in SERVICES} | {"ARTSTORE_"}
    for page in pages.pages():
        named = set(re.findall(r"\bARTSTORE_[A-Z0-9_<>]+", (pages.ROOT / page).read_text(encoding="utf-8")))
        assert named - known - {EVERY_SERVICE} == set(), page


@pytest.mark.parametrize("variable", FIELDS)
def test_the_default_is_told(variable: str) -> None:
    told, field = ROWS[variable]["default"], FIELDS[variable]
    match field.default:
        case _ if field.is_required():
            assert "required" in told
        case "" | None | SecretStr():
            assert told, "what holds when nothing is given?"
        case bool(value):
            assert pages.code_spans(told) == [str(value).lower()]
        case int(value) | float(value):
            assert pages.code_spans(told) == [f"{value:.15g}"]
        case value:
            assert pages.code_spans(told) == [str(value)]


@pytest.mark.parametrize("variable", FIELDS)
def test_the_limits_are_told(variable: str) -> None:
    told = ROWS[variable]["limits"].replace("`", "").split(", ")
    assert told == limits_of(FIELDS[variable])


def limits_of(field: FieldInfo) -> list[str]:
    """As the page puts them."""
    if choices := _choices(field.annotation):
        return choices
    least = most = characters = ""
    for rule in field.metadata:
        match rule:
            case annotated_types.Ge(ge=bound):
                least = f"{bound}"
            case annotated_types.Gt(gt=bound):
                least = f"above {bound}"
            case annotated_types.Le(le=bound):
                most = f"{bound}"
            case annotated_types.MinLen(min_length=length):
                least, characters = f"{length}", " characters"
            case annotated_types.MaxLen(max_length=length):
                most, characters = f"{length}", " characters"
    if most:
        return [f"{least} to {most}{characters}"]
    return [least and f"{'' if least.startswith('above') else 'from '}{least}{characters}"]


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(choice.value) for choice in annotation]
    return []
