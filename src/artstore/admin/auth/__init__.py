"""Access tokens for service accounts: OAuth 2.0 client credentials (RFC 6749 §4.4), metadata (RFC 8414).

``token_request`` reads what a client sends, ``tokens`` makes what it gets, ``refusals`` says no in the form
that OAuth clients understand. Everything else that can go wrong (PostgreSQL away, too many requests) is a
problem document, as everywhere in ArtStore.
"""
