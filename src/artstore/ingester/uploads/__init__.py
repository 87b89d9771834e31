"""Uploads as forms: ``POST /api/v1/files/upload``.

`body` reads what the client sends, within limits; `head` reads the form up to its file; `relay` sends the
bytes to an element and brings back its answer; `service` joins them, with the choice of the element between.

Words: the *head* of a form is all that comes before the bytes of the file; a *refusal* of an element is an
answer that says that it kept nothing.
"""
