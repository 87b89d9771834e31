"""The page on metrics tells of every metric with its type and labels, and of nothing else."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

import artstore
from artstore.engine import Engine
from artstore.kernel.database import Database
from artstore.storage.element.thresholds import Thresholds
from artstore.storage.index.rebuild import Rebuild
from artstore.storage.index.repository import IndexRepository
from artstore.storage.index.tables import index_tables
from artstore.storage.index.writer import IndexWriter
from artstore.storage.metrics import ElementCollector
from tests.support import pages
from tests.support.engines import options_of

ROWS = {row.name: row for row in pages.rows(pages.read("metrics.md"), "metric")}


async def test_every_metric_is_told_with_its_type_and_labels(tmp_path: Path) -> None:
    told = {name: (row["type"], tuple(filter(None, row["labels"].split(", ")))) for name, row in ROWS.items()}
    assert told == dict(of_modules()) | dict(await of_elements(tmp_path))


def of_modules() -> Iterator[tuple[str, tuple[str, tuple[str, ...]]]]:
    """Those that stand in a module."""
    for found in pkgutil.walk_packages(artstore.__path__, "artstore."):
        if found.name.endswith((".__main__", ".alembic.env")) or ".versions." in found.name:
            continue  # these do something when they are imported
        for value in vars(importlib.import_module(found.name)).values():
            if isinstance(value, MetricWrapperBase):
                [family] = value.describe()
                yield described(family.name, family.type, tuple(value._labelnames))


async def of_elements(root: Path) -> list[tuple[str, tuple[str, tuple[str, ...]]]]:
    """Those that an element is asked for."""
    engine = await Engine.open(root, options_of(followers=("index", "events")))
    unreached = Database("postgresql+psycopg://nobody@/nothing", application_name="test")
    try:
        rebuild = Rebuild(engine, IndexWriter(engine, unreached, IndexRepository(index_tables("test"))))
        families = list(ElementCollector(engine, (), rebuild, engine.scrub(), Thresholds()).collect())
    finally:
        await unreached.close()
        await engine.close()
    return [described(family.name, family.type, family._labelnames) for family in families]  # type: ignore[attr-defined]  # families of a collector have it


def described(name: str, kind: str, labels: tuple[str, ...]) -> tuple[str, tuple[str, tuple[str, ...]]]:
    """As they are scraped."""
    match kind:
        case "counter":
            return f"{name}_total", (kind, labels)
        case "info":
            return f"{name}_info", ("gauge", (*labels, "version"))
        case _:
            return name, (kind, labels)
