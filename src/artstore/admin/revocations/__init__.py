"""Revocations: access tokens that ended before their time.

Decided in PostgreSQL, in the transaction of whatever ended them. The ``feed`` reads them into memory, gives
them to the verification of this process and to services that ask; the ``publisher`` tells them in Redis. An
entry is kept until the tokens it ends have expired by themselves.
"""
