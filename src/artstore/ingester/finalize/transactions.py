"""Admin's transactions, with the account of the services."""

from typing import TypeVar
from uuid import UUID

import aiohttp
from pydantic import BaseModel, ValidationError

from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.kernel.peers import AdminAway, ServiceToken
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemBody, ProblemType
from artstore.wire.transactions import (
    TRANSACTIONS_PATH,
    NewFinalization,
    Transaction,
    TransactionKind,
    TransactionPage,
    TransactionState,
)

_SECONDS = 10.0
_MOST_BYTES = 4 * 1024 * 1024
_NEWEST = 50
_Model = TypeVar("_Model", bound=BaseModel)


class AdminTransactions:
    """Every method raises AdminAway."""

    def __init__(self, session: aiohttp.ClientSession, admin_url: str, token: ServiceToken) -> None:
        self._session = session
        self._url = admin_url.rstrip("/") + TRANSACTIONS_PATH
        self._token = token

    async def of_document(self, kind: TransactionKind, file_id: UUID) -> Transaction | None:
        """The one that was not undone."""
        parameters = {"kind": kind.value, "file_id": str(file_id), "limit": str(_NEWEST)}
        _, content = await self._ask("GET", "", parameters=parameters)
        page = _read(TransactionPage, content)
        return next((one for one in page.items if one.state is not TransactionState.UNDONE), None)

    async def read(self, transaction_id: UUID) -> Transaction | None:
        status, content = await self._ask("GET", f"/{transaction_id}")
        if status != 404:
            return _read(Transaction, content)
        _read(ProblemBody, content)  # or it comes from something before Admin, and says nothing
        return None

    async def begin(self, wanted: NewFinalization) -> Transaction:
        """May be called again: a document has one transaction. Raises Problem CONFLICT where something else
        is done with it.
        """
        status, content = await self._ask("POST", "", body=wanted)
        if status == 409:
            raise Problem(ProblemType.CONFLICT, _read(ProblemBody, content).detail)
        return _read(Transaction, content)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        parameters: dict[str, str] | None = None,
        body: BaseModel | None = None,
    ) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Bearer {await self._token.get()}",
            "Content-Type": "application/json",
        }
        try:
            async with self._session.request(
                method,
                self._url + path,
                headers=headers,
                params=parameters,
                data=None if body is None else body.model_dump_json(),
                timeout=aiohttp.ClientTimeout(total=_SECONDS),
                allow_redirects=False,
            ) as answer:
                if answer.status == 401:  # the keys were changed, or the account was
                    self._token.forget()
                if answer.status not in (200, 201, 404, 409):
                    raise AdminAway(f"it answered {method} of transactions with status {answer.status}")
                return answer.status, await whole_body(answer, _MOST_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError, BodyTooLong) as error:
            raise AdminAway(f"{type(error).__name__} asking for transactions") from error


def _read(model: type[_Model], content: bytes) -> _Model:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise AdminAway("its answer about transactions is unreadable") from error
