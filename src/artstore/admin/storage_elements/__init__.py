"""The registry of storage elements: what they announce, and what is decided about them.

Elements announce themselves in Redis; ``registry`` follows and keeps the last of each in PostgreSQL, so that
the answer survives a restart of Redis and of Admin. ``decisions`` are what somebody wants of an element:
priority, limits, that it takes nothing more. ``publishing`` puts them into Redis, where the Ingester finds
them when it decides where a document goes; nothing here decides that.
"""
