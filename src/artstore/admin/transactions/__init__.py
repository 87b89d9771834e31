"""Transactions: work of several steps on several elements that ends done or undone, whatever dies meanwhile.

A *transaction* is a row in PostgreSQL. A *saga* says of which *steps* a kind of transaction consists: those
forward, and those that undo them. A step may be run again at any time, and by two processes at once, and then
comes to the same. What came of a step is written into the row before the next one begins, only by whoever saw
the row as it is; a process that was overtaken looks again. One that is *committed* is not undone any more.

Procrastinate keeps the *jobs*: a row of a transaction and the job that goes on with it are written in one
database transaction, so there is never one without the other. Each Admin process runs a worker; a job whose
worker died is taken up by another one.

``progress`` decides what follows from what came of a step (pure), ``running`` runs the steps, ``jobs`` speaks
with Procrastinate, ``moving`` has the steps of finalizations and transfers, ``elements`` calls the elements.
``transfers`` looks whether a document can be moved as somebody wants, ``emptying`` wants it of all of an
element.
"""

__all__: list[str] = []
