"""Uploads with an ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header): however often one is sent,
there is one document.

Before the first byte goes to an element, PostgreSQL knows the key with the id that its document gets. Every
try sends that id (``wire.headers.FILE_ID``), and an element stores an id once. So that there is one element
to ask, a key is *pinned* to the element that gets its first byte. It comes off the pin only when each try so
far is known to have stored nothing; a try whose outcome nobody knows, as of an Ingester that died, counts as
one that may have.

An answer is kept with a *fingerprint* of what was sent: of the fields, the name and type of the file, and its
bytes. Sent again, the same gets the same answer, and anything else is refused.
"""
