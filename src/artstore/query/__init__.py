"""Query: finds documents by words and gives them back by id.

``catalog`` follows the elements into the table that everything here reads; ``search`` answers questions and
``suggest`` completes them; ``files`` answers for one document and relays its bytes from the element that
keeps it. ``app`` puts them together and is the only module that knows them all; ``settings`` is what the
service is told.

Query keeps nothing that cannot be built again from the elements, and changes no document.
"""

__all__: list[str] = []
