"""Legal holds: a document that is under one is neither deleted, nor does it expire.

A hold is durable first and then reported, a release reported first: whatever breaks off, the document is
rather kept than lost, and repeating the request leads to the same end.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from artstore.attributes import FileAttributes, FileId, LegalHold
from artstore.engine import Engine
from artstore.kernel import tracing
from artstore.kernel.access import Principal
from artstore.kernel.problems import Problem
from artstore.storage.element.modes import Operation, demand
from artstore.storage.files.document import demand_visible
from artstore.storage.transfers.holding import demand_not_held
from artstore.wire.audit import Action, ActorKind, HoldReport
from artstore.wire.problems import ProblemType

Report = Callable[[HoldReport], Awaitable[None]]


def demand_no_legal_hold(attributes: FileAttributes) -> None:
    """Raises Problem LEGAL_HOLD for a document that must stay."""
    if attributes.legal_hold is not None:
        raise Problem(
            ProblemType.LEGAL_HOLD,
            "The document is under a legal hold and stays until somebody releases it who may.",
            since=attributes.legal_hold.since.isoformat(),
        )


class LegalHolds:
    """``report`` raises AdminAway; without it, none can be set or ended here."""

    def __init__(self, engine: Engine, report: Report | None) -> None:
        self._engine = engine
        self._report = report

    async def set(self, file_id: FileId, reason: str, principal: Principal) -> FileAttributes:
        """The document under a hold. May be repeated. Raises Problem CONFLICT where it is held for another
        reason or is moving, ModeForbids, AttributesTooLarge.
        """
        report = self._demand_report()
        hold = LegalHold(since=datetime.now(UTC), by=principal.username, reason=reason)

        def held(current: FileAttributes) -> FileAttributes:
            demand_visible(current, principal)
            demand_not_held(current)
            if current.legal_hold is None:
                return current.changed(legal_hold=hold)
            if current.legal_hold.reason != reason:
                raise Problem(
                    ProblemType.CONFLICT,
                    "The document is under a legal hold already, for another reason; look at it.",
                )
            return current

        demand(self._engine.element.mode, Operation.UPDATE)
        found = await self._engine.attributes(file_id)
        demand_visible(found, principal)
        if found.legal_hold is None or found.legal_hold.reason != reason:
            found = await self._engine.update(file_id, held)
        await report(self._told(Action.DOCUMENT_HELD, found, principal))
        return found

    async def release(self, file_id: FileId, principal: Principal) -> None:
        """May be repeated; nothing happens where there is no hold. Raises Problem CONFLICT where the document
        is moving, or was put under another hold meanwhile; ModeForbids.
        """
        report = self._demand_report()
        demand(self._engine.element.mode, Operation.UPDATE)
        found = await self._engine.attributes(file_id)
        demand_visible(found, principal)
        if found.legal_hold is None:
            return
        demand_not_held(found)
        await report(self._told(Action.DOCUMENT_RELEASED, found, principal))

        def released(current: FileAttributes) -> FileAttributes:
            demand_visible(current, principal)
            demand_not_held(current)
            if current.legal_hold not in (None, found.legal_hold):
                raise Problem(ProblemType.CONFLICT, "The document was put under another hold; look at it.")
            return current.changed(legal_hold=None)

        await self._engine.update(file_id, released)

    def _demand_report(self) -> Report:
        if self._report is None:
            raise Problem(
                ProblemType.DEPENDENCY_UNAVAILABLE,
                "This element has no account with which to tell the audit trail; ask its administrator.",
            )
        return self._report

    def _told(self, action: Action, document: FileAttributes, principal: Principal) -> HoldReport:
        hold = document.legal_hold
        assert hold is not None, "it was just seen"
        is_person = principal.session_id is not None
        return HoldReport.model_validate(
            {
                "action": action,
                "element_id": self._engine.element.id,
                "file_id": document.file_id,
                "owner_id": document.created_by_id[:256],
                "since": hold.since,
                "reason": hold.reason,
                "account_id": principal.account_id,
                "account_name": principal.username[:256],
                "account_kind": ActorKind.ADMINISTRATOR if is_person else ActorKind.SERVICE_ACCOUNT,
                "request_id": tracing.current_request_id(),
            }
        )
