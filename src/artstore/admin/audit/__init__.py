"""The audit trail: an append-only Merkle log of changes of accounts, keys and elements, and of refusals.

An *entry* says who did what to whom and how it ended. It is appended in the transaction of the change that it
tells of, so that both are there or neither. Its *leaf* is the canonical bytes of the entry (module ``leaf``),
its place the *index*, from 0 without a gap. The hashes of all leaves form the tree of RFC 6962;
a *checkpoint* is the signed head of that tree at one size.

Other parts of Admin use what this package exports: ``append`` as the last statement of a transaction, with an
``Actor`` from ``actor_of`` (a request) or ``SYSTEM`` (Admin itself). Nobody changes or removes an entry: the
database role of the service is not allowed to.
"""

from artstore.admin.audit.appending import append, append_all
from artstore.admin.audit.entry import SYSTEM, Actor, AuditEntry, Json, actor_of
from artstore.wire.audit import Action, ActorKind, Outcome

__all__ = [
    "SYSTEM",
    "Action",
    "Actor",
    "ActorKind",
    "AuditEntry",
    "Json",
    "Outcome",
    "actor_of",
    "append",
    "append_all",
]
