"""The index: the element's own table of its attributes in PostgreSQL, which listings are answered from.

It is derived. ``follower`` takes changes of the log in batches, the *position* in the same transaction;
``rebuild`` makes it anew from the files beside it, and both write through ``writer``. ``tables`` names the
two tables under the element's *prefix*, ``migrations`` creates them, ``repository`` holds all queries,
``reader`` is what the service asks, ``beyond`` what the log knows and the rows do not show yet.

A *generation* numbers rebuilds: within one, the higher LSN counts, rows of an older one give way, and those
left at its end are gone from the files. Nothing may be kept here that the files and the log do not have.
"""

__all__: list[str] = []
