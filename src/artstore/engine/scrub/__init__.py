"""The scrub: reads everything that an element keeps, in the background, and finds what is wrong.

Words: a *pass* is one walk over the whole element; a *finding* is one thing that is wrong in one place, with
the code of its rule in FORMAT.md; a finding is *open* until a good copy was put in place.

How a service uses it::

    scrub = engine.scrub(bytes_per_second=…, repair=[…], index=…, told=raise_the_alarm)
    if scrub.interrupted: scrub.start()     # goes on where it was; also for each pass that is due
    scrub.progress(); scrub.last_result(); await scrub.last_verified(file_id); scrub.oldest_verified()
    scrub.open_findings()                   # what is wrong now
    await scrub.stop()                      # before engine.close(), which otherwise does it

What a pass reads: ``element.json``, the checkpoint, the list of adopted documents, every segment of the log
as far as it is flushed; every attribute file (its seal, its members, its place) and every document (size,
SHA-256); files that are nobody's; and the index, through ``IndexRows``, for rows of documents that are not
here. It asks the disk, not the memory of the system. It reads ``bytes_per_second`` at most, each file counted
as 4096 bytes at least. A pass that is interrupted, by ``stop``, a crash or an error, goes on where it was,
give or take five seconds of reading. What is not in the files yet is passed over.

What is found is looked at again, after the files have caught up with the log, before it is told: changes
meanwhile are no findings. Then a good copy is looked for: in the log, then in each ``RepairSource``. What a
copy replaces is kept in ``quarantine/``; without a copy nothing is moved. ``told`` gets each finding once,
mended or open: raise the alarm for open ones. A document with an open finding about its bytes is not served
(``Engine.open_document`` reads it wholly first, and raises Damaged unless it is right again).

When each document was last verified is noted for its folder (``journal``); a document that no pass saw yet
counts from when it was stored, for its checksum was made from the bytes that were written.

Nothing here serves anybody or knows a schedule. Reading the bytes of documents on the way out is
``engine.reading``'s.
"""

from artstore.engine.scrub.findings import INDEX_ROW, ScrubFinding
from artstore.engine.scrub.parts import IndexRows
from artstore.engine.scrub.scrub import DEFAULT_BYTES_PER_SECOND, Scrub, ScrubProgress, ScrubResult
from artstore.engine.scrub.sources import RepairSource
from artstore.engine.verify.rules import Severity

__all__ = [
    "DEFAULT_BYTES_PER_SECOND",
    "INDEX_ROW",
    "IndexRows",
    "RepairSource",
    "Scrub",
    "ScrubFinding",
    "ScrubProgress",
    "ScrubResult",
    "Severity",
]
