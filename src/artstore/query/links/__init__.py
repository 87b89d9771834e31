"""Links to documents, for whoever has no token: made, listed and ended by an account, used by anybody.

A link is a row in Query's PostgreSQL, found by the hash of the secret in its address; the secret itself is
kept nowhere. ``service`` makes links and says whether one may be used now, ``endpoints`` are its calls.

The rows are no part of the catalog: they cannot be made again from anything.
"""

__all__: list[str] = []
