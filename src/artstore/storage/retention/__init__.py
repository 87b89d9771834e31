"""How long documents are kept: ``extension`` of the temporary, ``expiry`` of what is over, ``legal_hold``.

Whether a document goes is decided under its lock, by its attributes. Before one goes, and before a hold ends,
the audit trail has it; a hold is in the trail before it is answered.
"""

__all__: list[str] = []
