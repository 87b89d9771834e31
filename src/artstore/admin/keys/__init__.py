"""The RSA key pairs that sign access tokens.

A pair lies in PostgreSQL, its private part encrypted with the passphrase of the settings, which the database
never sees. Its ``kid`` is the RFC 7638 thumbprint of the public part. Pairs follow one another
(``rotation``): a new one is *pending*, published but not signing, so that every verifier knows it before it
meets a token of it; then it is *signing*, and the one before is *retiring*, good until its last token has
ended; then *retired*. A *revoked* pair is none of the published ones from that moment on.

Every process reads the table each second (``ring``) and decides by the clock of the database, so that
processes side by side act as one: what changes the table does so under one lock. The services are told in
Redis (``announcing``) and read the key set again.
"""
