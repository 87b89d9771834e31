"""The registry of storage elements, for those for whom Redis is away.

Elements announce themselves in Redis; ``registry`` follows and keeps the last of each in PostgreSQL, so that
the answer survives a restart of Redis and of Admin. Nothing here decides where a document goes.
"""
