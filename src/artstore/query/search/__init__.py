"""Search: ``GET /api/v1/search``, newest documents first.

``text`` turns documents and questions into words, the same way for both; ``grammar`` reads the language of
questions, ``matching`` says what they mean as conditions; ``repository`` asks the catalog, with the rule of who
sees what inside the query; ``cursor`` writes and reads the marks between pages;
``endpoints`` speaks HTTP.

It must not read elements: what the catalog does not know yet is not found yet.
"""

__all__: list[str] = []
