"""Uploads in one request: of a form, ``POST /api/v1/files/upload``, or the document, ``POST /api/v1/files``.

`body` is what the client sends, within limits of size and `pace`, as `form` or `raw`; `held` keeps small ones
in memory; `delivery` chooses an element and brings the body there with `relay`, or to the next where that
fails; `settling` finds out what became of a document whose answer was lost; `service` joins them.

Words: the *head* of a form is all that comes before the bytes of the file; a *refusal* of an element is an
answer that says that it kept nothing.
"""
