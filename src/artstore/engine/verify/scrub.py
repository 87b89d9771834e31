"""The rule of ``scrub/``: what the scrub remembers, which may be lost without harm."""

from artstore.engine.checked_lines import decode_line
from artstore.engine.durable import is_temporary
from artstore.engine.layout import Layout
from artstore.engine.verify.reading import entries_of, fault_of, regular_file
from artstore.engine.verify.report import Report
from artstore.engine.verify.rules import Rule

_LONGEST_LINE = 1 << 26


def check_scrub(layout: Layout, report: Report) -> None:
    folder = layout.journal.parent
    for name, regular in entries_of(folder, report):
        path = f"{folder.name}/{name}"
        if not regular:
            report.add(Rule.O004, path)
        elif is_temporary(name):
            report.add(Rule.O002, path)
        elif name != layout.journal.name:
            report.add(Rule.O005, path)
        else:
            _check_journal(layout, path, report)


def _check_journal(layout: Layout, path: str, report: Report) -> None:
    try:
        with regular_file(layout.journal) as descriptor, open(descriptor, "rb", closefd=False) as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                # A last line without its end was torn by an interruption.
                if line.endswith(b"\n") and decode_line(line[:-1]) is None:
                    report.add(Rule.S001, path, f"line {number}")
    except OSError as error:
        report.add(*fault_of(error, path))
