"""Resumable uploads at an element (tus 1.0): what a client begins, goes on with, and ends.

An upload belongs to the account that began it: for every other one, whatever its scopes, it does not exist.
Access is checked for each request, and again before an upload becomes a document: a request may take longer
than a token lasts. Where that fails the bytes stay, and the next request with a good token makes the
document.
"""
