"""The catalog: a table of all documents of all elements, derived from the elements and kept equal to them.

Words: the *position* of an element is the LSN up to which every change of it is in the catalog, kept in the
same transaction as the rows, so that each change takes effect exactly once. An *entry* is what stands in an
element's Redis stream; a *listing* is the element's own account of what changed, asked for over HTTP when the
stream has a gap, was trimmed or lost, or is behind what the element announces.

``changes`` decides what a batch means (pure), ``lookout`` when to ask for a listing (pure), ``catalog`` and
``repository`` write, ``stream`` and ``listing`` read, ``catching_up`` takes a whole listing, ``follower``
brings them together; ``reading`` is for those who only read.

It must not decide who may see a document: that is in the queries of ``search`` and ``files``.
"""

__all__: list[str] = []
