"""Documents that are there already: found at the elements, and deleted.

An element deletes by one record of its log, so a deletion needs no transaction: it happens or not, as a
whole, and whoever does not hear the answer asks again and gets 404. A document that moves from one element to
another is held by its source, which refuses; the copy that stays is in an element that deletes nothing.
"""

__all__: list[str] = []
