"""Batches: documents that are sent one by one and stored in one step, all or none.

Until then they lie in staging with a journal, and are nowhere else: no reader, index or event knows of them.
The step is one group of put records in the log.
"""

from artstore.engine.batches.batch import Batch, entry_of
from artstore.engine.batches.batches import Batches, BatchFigures
from artstore.engine.batches.journal import JOURNAL_SUFFIX, Member, journal_path, parse_journal
from artstore.engine.batches.surviving import Surviving, Survivor

__all__ = [
    "JOURNAL_SUFFIX",
    "Batch",
    "BatchFigures",
    "Batches",
    "Member",
    "Surviving",
    "Survivor",
    "entry_of",
    "journal_path",
    "parse_journal",
]
