"""The Storage Element service: keeps the bytes and attributes of one element and serves them over HTTP.

``app`` composes it. ``running`` holds the parts that live with the process: the *engine*
(``artstore.engine``, which alone touches the element's folder), the *followers* of its log that live
outside the folder (``index`` in PostgreSQL, ``events`` in Redis, both run by ``following``), and the
*announcement* of the element. ``files`` and ``element`` hold the endpoints; ``refusals`` is the one table
from errors to problems.

Nothing here opens a file under the root, and no document, upload or download waits for PostgreSQL or Redis.
"""

__all__: list[str] = []
