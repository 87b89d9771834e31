"""Many documents in one download: ``POST /api/v1/downloads``, a ZIP that is made while it is sent.

``selection`` says which documents, ``reading`` opens one after the other a little ahead, ``names`` gives each
a name that is safe and its own, ``packing`` makes the bytes of the ZIP, ``bag`` puts them together as a bag
(RFC 8493): documents and their attributes with a manifest of checksums. ``endpoints`` is the call.

Nothing is held but what is being sent, names and checksums. An archive that lacks something it should have
never looks whole: the connection breaks before the end that makes it a ZIP.
"""

__all__: list[str] = []
