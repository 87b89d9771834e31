"""Batches: documents that are sent one by one and stored in one step, all or none.

Until then they lie in staging with a journal, and are nowhere else: no reader, index or event knows of them.
The step is one group of put records in the log.
"""

from artstore.engine.batches.batch import Batch
from artstore.engine.batches.batches import Batches, BatchFigures
from artstore.engine.batches.journal import (
    JOURNAL_SUFFIX,
    Member,
    Survivor,
    journal_path,
    parse_journal,
    survivors,
)

__all__ = [
    "JOURNAL_SUFFIX",
    "Batch",
    "BatchFigures",
    "Batches",
    "Member",
    "Survivor",
    "journal_path",
    "parse_journal",
    "survivors",
]
