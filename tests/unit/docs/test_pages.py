"""The pages hang together: links lead somewhere, decisions are listed, commands and files that they name are there."""

import json
import re
from pathlib import Path

import pytest

from tests.support import pages

PAGES = pages.pages()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = (pages.ROOT / page).read_text(encoding="utf-8")
    for link in pages.links(text):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (pages.ROOT / page).parent / target if target else pages.ROOT / page
        assert there.exists(), link
        if anchor:
            assert anchor in pages.anchors(there.read_text(encoding="utf-8")), link


def test_every_page_can_be_reached_from_the_first() -> None:
    reached, ahead = set[Path](), [pages.ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = [link.partition("#")[0] for link in pages.links(page.read_text(encoding="utf-8"))]
        ahead += [
            (page.parent / target).resolve()
            for target in targets
            if target.endswith(".md") and not re.match(r"[a-z]+:", target)
        ]
    unreached = {page for page in PAGES if page.parts[0] != "changes"} - {
        page.relative_to(pages.ROOT) for page in reached
    }
    assert unreached == set()


def test_every_decision_is_listed_under_its_title() -> None:
    listed = {
        row.cells["number"]: row["decision"] for row in pages.rows(pages.read("adr/README.md"), "number")
    }
    decisions = sorted(path.name for path in (pages.DOCS / "adr").glob("0*.md"))
    assert sorted(listed) == [f"[{name[:4]}]({name})" for name in decisions]
    assert all(listed.values())
    for number, name in enumerate(decisions, start=1):
        text = pages.read(f"adr/{name}")
        assert text.startswith(f"# {number:04d} ")
        assert {"**Context.**", "**Decision.**", "**Consequences.**", "**Enforced by**"} <= set(
            re.findall(r"^\*\*[A-Z].*?\*\*", text, re.MULTILINE)
        )


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_examples_in_json_are_json(page: Path) -> None:
    for block in pages.blocks((pages.ROOT / page).read_text(encoding="utf-8"), "json"):
        json.loads(block)
