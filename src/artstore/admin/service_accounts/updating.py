"""Changing what an account may do, how often, how long, and with which keys."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from artstore.admin import audit
from artstore.admin.service_accounts.account import USUAL_RATE_LIMIT, Account, effective_scopes
from artstore.admin.service_accounts.changes import AccountChange, AccountChanges, Terms
from artstore.admin.service_accounts.public_keys import read_public_keys
from artstore.kernel.problems import Problem
from artstore.wire.accounts import ServiceAccountChange
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Role, Scope

_OF_SYSTEM = ("role", "scopes", "rate_limit", "expires_at", "keys")
"""What nobody may give an account of the system. With keys of the own one would authenticate as the services,
which may more than whoever changes accounts."""


async def update_account(
    changes: AccountChanges, account_id: UUID, terms: Terms, wanted: ServiceAccountChange
) -> Account:
    """The account after the change. Where something was taken away its tokens end, which still had it.

    Raises Problem INVALID_PARAMETER, PROTECTED_ACCOUNT, CONFLICT (deleted), NOT_FOUND, PRECONDITION_FAILED.
    """
    async with changes.of(account_id, terms) as change:
        change.demand_not_deleted()
        before = change.account
        values = _values(change, wanted)
        if not values:
            return before
        # Before the row is changed: what ends tokens is decided by what the account had.
        if _takes_away(before, values):
            await change.end_tokens()
        await change.set(**values)
        after = change.account
        change.record(audit.Action.ACCOUNT_CHANGED, before=_told(before, values), after=_told(after, values))
        return after


def _values(change: AccountChange, wanted: ServiceAccountChange) -> dict[str, Any]:
    given = wanted.model_fields_set
    protected = given.intersection(_OF_SYSTEM)
    if wanted.rate_limit is not None and wanted.rate_limit >= change.account.rate_limit > 0:
        protected = protected - {"rate_limit"}
    if not wanted.keys:
        # Those that one was given before this was refused can be taken away.
        protected = protected - {"keys"}
    if protected:
        change.demand_not_of_system(f"given other {', '.join(sorted(protected))}")
    values: dict[str, Any] = {name: getattr(wanted, name) for name in given}
    if "keys" in values:
        values["keys"] = read_public_keys(values["keys"])
    role = values.get("role", change.account.role)
    if "scopes" in values:
        demand_scopes_of_role(role, values["scopes"])
    demand_future(values.get("expires_at"))
    return values


def demand_scopes_of_role(role: Role, scopes: list[Scope] | None) -> None:
    """Raises Problem INVALID_PARAMETER for scopes that the role does not have, rather than ignore them."""
    beyond = set(scopes or ()).difference(effective_scopes(role, None))
    if beyond:
        raise Problem(
            ProblemType.INVALID_PARAMETER,
            f"The role {role} does not have {', '.join(sorted(beyond))}; "
            "choose among its scopes, or another role.",
            field="scopes",
        )


def demand_future(expires_at: datetime | None) -> None:
    """Raises Problem INVALID_PARAMETER for an expiry that is over."""
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise Problem(
            ProblemType.INVALID_PARAMETER,
            "The account would have expired already; to end it now, suspend or delete it.",
            field="expires_at",
        )


def _told(account: Account, values: dict[str, Any]) -> dict[str, audit.Json]:
    """What the audit trail says of these values, keys by their names alone."""
    everything: dict[str, audit.Json] = {
        "description": account.description,
        "role": account.role,
        "scopes": [*account.scopes],
        "rate_limit": account.rate_limit,
        "expires_at": None if account.expires_at is None else account.expires_at.isoformat(),
        "keys": [key.get("kid") for key in account.keys],
    }
    return {name: everything[name] for name in sorted(values)}


def _takes_away(before: Account, values: dict[str, Any]) -> bool:
    role = values.get("role", before.role)
    scopes = effective_scopes(role, values.get("scopes", before.chosen_scopes))
    expires_at = values.get("expires_at", before.expires_at)
    sooner = expires_at is not None and (before.expires_at is None or expires_at < before.expires_at)
    lower = "rate_limit" in values and (values["rate_limit"] or USUAL_RATE_LIMIT) < before.rate_limit
    fewer_keys = "keys" in values and any(key not in values["keys"] for key in before.keys)
    return not set(scopes).issuperset(before.scopes) or sooner or lower or fewer_keys
