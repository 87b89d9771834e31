"""The rules of the root itself: what may lie there, the format page, the description."""

import os

from artstore.engine.description import (
    FORMAT_VERSION,
    MAX_BYTES,
    OWN_FOLDERS,
    ROOT,
    DescriptionInvalid,
    ElementDescription,
    is_sealed_description,
    parse_description,
)
from artstore.engine.durable import is_temporary
from artstore.engine.layout import Layout
from artstore.engine.verify.reading import fault_of, read_at_most
from artstore.engine.verify.report import Report
from artstore.engine.verify.rules import Rule

_MAX_PAGE_BYTES = 16


def check_root(layout: Layout, report: Report) -> ElementDescription | None:
    description = _check_description(layout, report)
    check_entries(layout, description.folders if description else layout.folders, report)
    _check_format_page(layout, report)
    return description


def check_entries(layout: Layout, documents: tuple[str, ...], report: Report) -> None:
    """What lies in the root beside the folders ``documents`` and the element's own things."""
    folders = {*documents, *OWN_FOLDERS}
    try:
        with os.scandir(layout.root) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        report.add(*fault_of(error, "."))
        return
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name in folders and not is_folder:
            report.add(Rule.O004, entry.name)
        elif entry.name in folders or entry.name in layout.own_files:
            continue
        elif is_folder or ROOT not in documents:  # otherwise it may be of a document
            report.add(Rule.O002 if is_temporary(entry.name) else Rule.O005, entry.name)


def _check_format_page(layout: Layout, report: Report) -> None:
    name = layout.format_page.name
    try:
        if read_at_most(layout.format_page, _MAX_PAGE_BYTES).strip():
            return
    except FileNotFoundError:
        pass
    except OSError as error:
        report.add(*fault_of(error, name))
        return
    report.add(Rule.E004, name)


def _check_description(layout: Layout, report: Report) -> ElementDescription | None:
    name = layout.description.name
    try:
        data = read_at_most(layout.description, MAX_BYTES + 1)
        description = parse_description(data)
    except FileNotFoundError:
        report.add(Rule.E001, name)
    except OSError as error:
        report.add(*fault_of(error, name))
    except DescriptionInvalid as error:
        known = f"this program knows {FORMAT_VERSION}"
        report.add(
            Rule.E003 if error.version else Rule.E002, name, f"{error}; {known}" if error.version else error
        )
    else:
        if not is_sealed_description(data):
            report.add(Rule.E006, name)
        return description
    return None
