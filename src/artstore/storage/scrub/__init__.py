"""The scrub of the element as a service runs it: when, who is told, what is asked over HTTP.

``engine.scrub`` does the work. ``schedule`` says when a pass is due, ``scrubbing`` begins it, goes on with
what was interrupted and takes requests, ``alarm`` tells of what is wrong, ``index_rows`` is the index as the
scrub asks it, ``endpoints`` and ``reports`` are ``/api/v1/scrub``.

An alarm is a state, not an event of the log: the stream of events carries changes of documents under their
LSN and nothing else. See ADR 0011.
"""

__all__: list[str] = []
