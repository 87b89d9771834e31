"""The write-ahead log: the one place where a change of an element becomes durable.

Words: a *record* says one change and has an *LSN*; records lie in *segments*, files of a bounded size; a
*batch* is what one flush makes durable. ``record`` and ``header`` are the format, pure; ``scan`` reads what
may be damaged; ``log`` appends and reads; ``writer`` is the thread that flushes for many at once;
``recovery`` opens a log after anything; ``checkpoint`` remembers how far the followers are.

Nothing here knows what a document is, and nothing decides when a segment is no longer needed.
"""
