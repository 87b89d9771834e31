"""Search: ``GET`` and ``POST /api/v1/search``, ``GET /api/v1/search/export``.

``text`` turns documents and questions into words, the same way for both; ``grammar`` reads the language of
questions and ``attributes`` that of conditions in a URL; ``matching`` and ``filters`` say what they mean for
rows, ``ordering`` in which order they come; ``repository`` asks the catalog, with the rule of who sees what
inside the query; ``cursor`` writes and reads the marks between pages; ``endpoints`` speaks HTTP.

Where it was found is told by ``highlights``, for a page by ``highlighting``; ``placing`` knows which part of
a text each folded character comes from, ``fragments`` takes what stands around a match.

It must not read elements: what the catalog does not know yet is not found yet.
"""

__all__: list[str] = []
