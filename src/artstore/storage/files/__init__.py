"""Endpoints for documents: upload, download, attributes, listing.

``upload`` and ``download`` are plain routes that pass bytes piece by piece; ``form`` checks the fields of an
upload as they arrive; ``headers`` speaks RFC 9110, 6266, 8187 and 9530; ``listing`` alone needs the index.
"""

__all__: list[str] = []
