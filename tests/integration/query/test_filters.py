"""Filters of searches in PostgreSQL, beside the same conditions in plain Python on random documents."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from artstore.kernel.problems import Problem
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search.attributes import read_attribute
from artstore.wire.documents import Document
from artstore.wire.scopes import Role
from artstore.wire.search_filters import AttributeFilter, SearchFilters
from tests.support.element_model import BEGINNING, document
from tests.support.search_archive import Archive, principal

owners = (f"owner-{number}" for number in itertools.count())

KEYS = ("a", "b", "ключ", "q\"'\\")
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1e300, 2**70])
    | st.sampled_from(["", "a", "2025-03-17", "2025-04", "'; DROP TABLE", "{}", "1", "報告"])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
    max_leaves=4,
)
attributes = st.dictionaries(st.sampled_from(KEYS), values, max_size=3)
paths = st.lists(st.sampled_from(KEYS), min_size=1, max_size=2)
bounds = st.integers(-3, 3) | st.sampled_from([0.5, 2**70])
texts = st.sampled_from(["a", "2025-03", "2025-04", "報"])
conditions = st.one_of(
    st.builds(AttributeFilter, path=paths),
    st.builds(AttributeFilter, path=paths, exists=st.just(False)),
    st.builds(AttributeFilter, path=paths, equals=values),
    st.builds(AttributeFilter, path=paths, min=bounds, max=bounds),
    st.builds(AttributeFilter, path=paths, min=bounds | texts),
    st.builds(AttributeFilter, path=paths, max=bounds | texts),
)
moments = st.integers(0, 5).map(lambda days: BEGINNING + timedelta(days=days))
documents = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a.pdf", "b.PDF", "c.tar.gz", "noext", ".hidden", "счёт.Док", "d."]),
        "content_type": st.sampled_from(
            ["application/pdf", "image/png", "image/svg+xml", "text/plain; charset=utf-8"]
        ),
        "file_size": st.integers(1, 5),
        "created_at": moments,
        "updated_at": moments,
        "created_by_username": st.sampled_from(["billing", "archive", "x" * 300]),
        "retention_policy": st.sampled_from(["permanent", "temporary"]) | st.none(),
        "tags": st.lists(st.sampled_from(["red", "Red", "x" * 250, "x" * 251, "'"]), max_size=3) | st.none(),
        "custom_attributes": attributes,
    }
)
filters = st.builds(
    SearchFilters,
    content_type=st.lists(
        st.sampled_from(["application/pdf", "IMAGE/*", "text/plain", "text/plain; charset=koi8-r"]),
        max_size=2,
    ),
    extension=st.lists(st.sampled_from(["pdf", ".gz", "ДОК", "hidden"]), max_size=2),
    size_min=st.integers(0, 5) | st.none(),
    size_max=st.integers(0, 5) | st.none(),
    created_from=moments | st.none(),
    created_before=moments | st.none(),
    updated_from=moments | st.none(),
    updated_before=moments | st.none(),
    account=st.lists(st.sampled_from(["billing", "x" * 300, "x" * 299]), max_size=2),
    element=st.lists(st.sampled_from(["rw-01", "rw-02"]), max_size=2),
    retention=st.lists(st.sampled_from(["permanent", "temporary"]), max_size=2),
    tag=st.lists(st.sampled_from(["red", "x" * 250, "'"]), max_size=2),
)


def passes(found: Document, asked: SearchFilters) -> bool:
    """Element apart: all lie in rw-01."""
    kind = found.content_type.partition(";")[0]
    kinds = [kind, kind.split("/", 1)[0] + "/*"]
    stem, dot, extension = found.original_filename.rpartition(".")
    extension = extension.casefold() if stem and dot else ""
    return (
        any_of(asked.content_type, lambda wanted: wanted.partition(";")[0].lower() in kinds)
        and any_of(asked.extension, lambda wanted: extension == wanted.lstrip(".").casefold() != "")
        and (asked.size_min is None or found.file_size >= asked.size_min)
        and (asked.size_max is None or found.file_size <= asked.size_max)
        and (asked.created_from is None or found.created_at >= asked.created_from)
        and (asked.created_before is None or found.created_at < asked.created_before)
        and (asked.updated_from is None or found.updated_at >= asked.updated_from)
        and (asked.updated_before is None or found.updated_at < asked.updated_before)
        and any_of(asked.account, lambda wanted: found.created_by_username == wanted)
        and any_of(asked.element, lambda wanted: wanted == "rw-01")
        and any_of(asked.retention, lambda wanted: found.retention_policy == wanted)
        and all(tag in (found.tags or []) for tag in asked.tag)
    )


def any_of(wanted: Any, holds: Any) -> bool:
    return not wanted or any(map(holds, wanted))


def meets(found: Document, asked: AttributeFilter) -> bool:
    value: Any = found.custom_attributes
    for name in asked.path:
        if not isinstance(value, dict) or name not in value:
            return not asked.exists
        value = value[name]
    if not asked.exists:
        return False
    if asked.has_value:
        whole = isinstance(asked.equals, dict | list)
        return same(value, asked.equals) or (
            not whole and isinstance(value, list) and any(same(each, asked.equals) for each in value)
        )
    for bound, sign in ((asked.min, 1), (asked.max, -1)):
        if bound is None:
            continue
        kinds = str if isinstance(bound, str) else int | float
        if not isinstance(value, kinds) or isinstance(value, bool):
            return False
        if (value < bound) if sign == 1 else (value > bound):  # type: ignore[operator]  # of one kind
            return False
    return True


def same(one: Any, other: Any) -> bool:
    """As JSON: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


@pytest.fixture
def archive(catalog: Catalog, reader: CatalogReader) -> Archive:
    return Archive(catalog, reader)


@given(
    st.lists(documents, min_size=1, max_size=8),
    st.lists(st.tuples(filters, st.lists(conditions, max_size=2)), min_size=1, max_size=8),
)
@settings(
    max_examples=60,
    deadline=None,
    # The database is shared by all examples on purpose: each has documents of an owner of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_finds_what_plain_python_finds(
    archive: Archive,
    documents: list[dict[str, Any]],
    asked: list[tuple[SearchFilters, list[AttributeFilter]]],
) -> None:
    owner = next(owners)
    stored = [document(uuid4(), owner=owner, **fields) for fields in documents]
    await archive.take(stored)
    for filters, conditions in [(SearchFilters(), [one]) for _, both in asked for one in both] + asked:
        alternatives = tuple((one,) for one in conditions)
        question = archive.question("", filters=filters, attributes=alternatives)
        page = await archive.search.page(question, principal(owner))
        assert {str(one.mark.file_id) for one in page.found} == {
            str(one.file_id)
            for one in stored
            if passes(one, filters) and all(meets(one, each) for each in conditions)
        }, (filters, conditions)


class TestInAUrl:
    @pytest.mark.parametrize(
        ("written", "found"),
        [
            ("signed", ["b"]),
            ("!signed", ["a", "c"]),
            ("customer.name=Almaz", ["a"]),
            ("customer.name=almaz", []),
            ("pages=12", ["a", "b"]),
            ('pages="12"', ["b"]),
            ("pages>=10", ["a"]),
            ("pages<=12", ["a", "c"]),
            ("date>=2025-03-17", ["a", "b"]),
            ("date<=2025-03-31", ["a", "c"]),
            ("parties=X", ["a"]),
            ('parties=["X", "Y"]', ["a"]),
            ('parties=["X"]', []),
            ("signed=true", ["b"]),
            ("x\\.y=1", ["c"]),
            ("x.y=1", []),
            ("nothing=null", ["c"]),
            ("nothing", ["c"]),
            ("pages=1e999", []),
            ("pages=NaN", []),
        ],
    )
    async def test_finds(self, archive: Archive, written: str, found: list[str]) -> None:
        await archive.store(
            "a",
            custom_attributes={
                "customer": {"name": "Almaz"},
                "pages": 12,
                "date": "2025-03-17",
                "parties": ["X", "Y"],
            },
        )
        await archive.store("b", custom_attributes={"signed": True, "pages": "12", "date": "2026"})
        await archive.store(
            "c", custom_attributes={"pages": 2.5, "date": "2025", "x.y": 1, "nothing": None, "x": {}}
        )
        names = await archive.names("", attributes=(read_attribute(written),))
        assert sorted(names) == found

    @pytest.mark.parametrize(
        "written",
        [
            "",
            "=",
            "a.",
            ".a",
            "a..b",
            "a>1",
            "a<1",
            "!a=1",
            "a\x00b",
            "a=\x00",
            ".".join("a" * 11),
            "a=" + "[" * 99 + "]" * 99,
            "a=" + "x" * 5000,
        ],
    )
    def test_is_refused(self, written: str) -> None:
        with pytest.raises(Problem) as refused:
            read_attribute(written)
        assert refused.value.field == "attribute"

    def test_what_is_nested_too_deep_for_json_is_a_text(self) -> None:
        deep = "[" * 3000
        assert read_attribute(f"a={deep}")[0].equals == deep


async def test_an_account_by_every_form_of_its_id(archive: Archive) -> None:
    account = uuid4()
    await archive.store("a.txt", owner=str(account))
    await archive.store("b.txt", owner=str(uuid4()))
    everybody = principal("admin", Role.ADMIN)
    for form in (str(account), str(account).upper(), account.hex, account.hex.upper(), account.urn):
        filters = SearchFilters.model_validate({"account_id": [form]})
        assert await archive.names("", everybody, filters=filters) == ["a.txt"], form


async def test_an_account_whose_id_is_no_uuid(archive: Archive) -> None:
    """As documents have it that other software wrote, and were adopted."""
    await archive.store("a.txt", owner="billing")
    await archive.store("b.txt", owner="Billing")
    plain = uuid4().hex
    await archive.store("c.txt", owner=plain)
    filters = SearchFilters.model_validate({"account_id": [plain]})
    assert await archive.names("", principal("admin", Role.ADMIN), filters=filters) == ["c.txt"]
    filters = SearchFilters.model_validate({"account_id": ["billing"]})
    assert await archive.names("", principal("admin", Role.ADMIN), filters=filters) == ["a.txt"]


@pytest.mark.parametrize("account_id", ["", 7, "z" * 1001])
def test_what_is_no_id_is_no_account(account_id: object) -> None:
    with pytest.raises(ValidationError):
        SearchFilters.model_validate({"account_id": [account_id]})


def test_days_and_moments_without_a_zone_are_in_utc() -> None:
    filters = SearchFilters.model_validate(
        {"created_from": "2025-03-17", "created_before": "2025-03-17T12:00:00"}
    )
    assert filters.created_from == datetime(2025, 3, 17, tzinfo=UTC)
    assert filters.created_before == datetime(2025, 3, 17, 12, tzinfo=UTC)


@pytest.mark.parametrize("moment", ["0", "1742000000", 1742000000, 1.5, "", "now", "2025", "2025-13-01"])
def test_numbers_are_no_moments(moment: object) -> None:
    with pytest.raises(ValidationError):
        SearchFilters.model_validate({"created_from": moment})
