"""Service accounts: the applications that may use ArtStore, each with a role and a secret.

An account is made by a client with ``accounts:write``, or comes from the configuration (``is_system``). Its
``client_id`` is public, its secret is shown once and kept as a hash. Deleting, suspending and changing an
account are not offered: there is no endpoint for them.
"""
