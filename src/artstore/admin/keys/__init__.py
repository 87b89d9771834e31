"""The RSA key pairs that sign access tokens.

A pair lies in PostgreSQL, its private part encrypted with the passphrase of the settings, which the database
never sees. Its ``kid`` is the RFC 7638 thumbprint of the public part. The newest pair signs; every pair in
the table is published and verifies.
"""
