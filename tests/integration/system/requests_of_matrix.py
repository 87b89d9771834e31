"""The request of each row of the access matrix, made so that whoever is let through succeeds, again and again.

What is ended, changed or removed was made for it. A ``GET`` that says nothing beside its path needs no entry.
"""

import base64
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from artstore.admin.administrators import totp
from artstore.wire.transactions import TRANSACTIONS_PATH, TRANSFERS_PATH
from tests.support.access_matrix import NOBODY, OTHERS, OWN, SERVICES, Row

from .callers import (
    ACCOUNTS_PATH,
    AUTH,
    USERS,
    WORD,
    Caller,
    World,
    eventually,
    new_password,
    succeeded,
    tag_of,
)

ELEMENTS = "/api/v1/storage-elements"
KEYS = "/api/v1/jwt-keys"
FILE = {"file": (f"{WORD}.txt", b"content")}
TUS = {"Tus-Resumable": "1.0.0"}
TEMPORARY = {"retention_policy": "temporary"}


@dataclass
class Ask:
    """One cell: who asks for what. ``things`` are those of the row, by name."""

    world: World
    caller: Caller
    row: Row
    things: dict[str, Any]

    def send(self, base: str = "", *, ids: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        """The request of the row, to Admin if nothing else is said."""
        method, path = self.row.endpoint.split()
        return self.caller.http.request(
            method, (base or self.world.admin) + path.format(**(ids or {})), **more
        )

    def account(self) -> str:
        """An account that is there for this row."""
        if "account" not in self.things:
            self.things["account"] = self.world.new_account()["id"]
        return str(self.things["account"])

    def of_account(self, **more: Any) -> httpx.Response:
        ids = {"account_id": self.account(), "owner_id": self.world.owners[OTHERS].account_id}
        return self.send(ids=ids | more.pop("ids", {}), **more)

    def person(self) -> Caller:
        if "person" not in self.things:
            self.things["person"] = self.world.new_person()
        person: Caller = self.things["person"]
        return person

    def of_person(self, **more: Any) -> httpx.Response:
        return self.send(ids={"administrator_id": self.person().account_id} | more.pop("ids", {}), **more)

    def of_element(self, **more: Any) -> httpx.Response:
        if "element" not in self.things:
            self.things["element"] = element_by_hand()
            self.world.at_admin("POST", ELEMENTS, self.things["element"])
        return self.send(ids={"element_id": self.things["element"]["element_id"]}, **more)

    def whose_login(self) -> dict[str, Any]:
        """A session of whoever asks, if it is a person and the row is of the own; else of somebody else."""
        own = self.row.whose != OTHERS and self.caller.is_person
        return self.world.log_in(self.caller if own else self.person())

    def whose_token(self) -> str:
        account = self.world.owners[OTHERS] if self.row.whose == OTHERS else self.caller
        return self.world.new_token(account) if account.credentials else "none"

    def file_id(self) -> str:
        return self.world.document(self.caller, self.row.whose)


def element_by_hand() -> dict[str, Any]:
    """An element that nobody runs, and of a mode in which nobody looks for room."""
    name = f"by-hand-{secrets.token_hex(6)}"
    return {"element_id": name, "mode": "ar", "url": f"http://{name}.test:8010"}


def audit_report() -> dict[str, Any]:
    refused = {
        "account_id": None,
        "account_name": None,
        "address": "10.0.0.1",
        "method": "GET",
        "route": "/x",
    }
    return {
        "service": "query",
        "instance": f"query-{secrets.token_hex(8)}",
        "minute": datetime.now(UTC).replace(second=0, microsecond=0).isoformat(),
        "refusals": [refused | {"status": 403, "count": 1}],
    }


def expiry_report() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    document = {"file_id": str(uuid.uuid4()), "owner_id": WORD, "expires_at": now}
    return {"element_id": WORD, "at": now, "documents": [document]}


def hold_report() -> dict[str, Any]:
    return {
        "action": "document.held",
        "element_id": WORD,
        "file_id": str(uuid.uuid4()),
        "owner_id": WORD,
        "since": datetime.now(UTC).isoformat(),
        "reason": WORD,
        "account_id": WORD,
        "account_name": WORD,
    }


def new_ticket() -> dict[str, Any]:
    return {"file_id": str(uuid.uuid4()), "account_id": str(uuid.uuid4()), "epoch": 0, "rate_limit": 1}


def with_client(ask: Ask, **parameters: str) -> httpx.Response:
    """At an endpoint where clients authenticate themselves."""
    return ask.send(data=parameters, auth=ask.caller.credentials or ("sa_nobody_0", "not a secret"))


def change_account(ask: Ask) -> httpx.Response:
    headers = {"If-Match": ask.world.revision(ask.account())}
    return ask.of_account(json={"description": secrets.token_hex(4)}, headers=headers)


def end_secret(ask: Ask) -> httpx.Response:
    """One of two, which a rotation leaves."""
    path = f"{ACCOUNTS_PATH}/{ask.account()}"
    if len(ask.world.at_admin("GET", path)["secrets"]) < 2:
        ask.world.at_admin("POST", f"{path}/rotate-secret", {"overlap_seconds": 3600})
    return ask.of_account(ids={"secret_id": ask.world.at_admin("GET", path)["secrets"][-1]["id"]})


def take_grant_back(ask: Ask) -> httpx.Response:
    owner = ask.world.owners[OTHERS].account_id
    ask.world.at_admin("PUT", f"{ACCOUNTS_PATH}/{ask.account()}/grants/{owner}", {"scopes": ["files:read"]})
    return ask.of_account()


def log_in(ask: Ask) -> httpx.Response:
    person = ask.person()
    return ask.send(json={"username": person.username, "password": person.password})


def with_refresh_token(ask: Ask) -> httpx.Response:
    return ask.send(json={"refresh_token": ask.world.log_in(ask.person())["refresh_token"]})


def set_password(ask: Ask) -> httpx.Response:
    person = ask.person()
    code = ask.world.at_admin("POST", f"{USERS}/{person.account_id}/password-reset")["reset_code"]
    return ask.send(json={"username": person.username, "code": code, "new_password": new_password()})


def change_password(ask: Ask) -> httpx.Response:
    old, new = ask.caller.password, new_password()
    answer = ask.send(json={"old_password": old, "new_password": new})
    if answer.is_success:
        ask.caller.password = new
    return answer


class SecondFactor:
    """Of whoever asks, enrolled as far as is asked for; a person is without it afterwards."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._secret = b""
        self._step = 0

    def at(self, path: str, **body: str) -> httpx.Response:
        return self._ask.caller.http.post(f"{self._ask.world.admin}{AUTH}/totp{path}", json=body)

    def code(self, steps: int) -> str:
        return totp.code(self._secret, self._step + steps) if self._secret else "123456"

    def begin(self) -> httpx.Response:
        answer = self.at("", password=self._ask.caller.password)
        if answer.is_success:
            self._secret = base64.b32decode(answer.json()["secret"])
            self._step = totp.step_at(time.time())
        return answer

    def confirm(self) -> httpx.Response:
        return self.at("/confirm", code=self.code(0))

    def remove(self) -> httpx.Response:
        return self.at("/remove", password=self._ask.caller.password, code=self.code(1))


def begin_second_factor(ask: Ask) -> httpx.Response:
    return SecondFactor(ask).begin()


def confirm_second_factor(ask: Ask) -> httpx.Response:
    factor = SecondFactor(ask)
    factor.begin()
    answer = factor.confirm()
    factor.remove()
    return answer


def remove_second_factor(ask: Ask) -> httpx.Response:
    factor = SecondFactor(ask)
    factor.begin()
    factor.confirm()
    return factor.remove()


def remove_person(ask: Ask) -> httpx.Response:
    return ask.send(ids={"administrator_id": ask.world.invite()["id"]})


def end_session_of_person(ask: Ask) -> httpx.Response:
    return ask.of_person(ids={"session_id": ask.world.log_in(ask.person())["session_id"]})


def revoke_key(ask: Ask) -> httpx.Response:
    """One that has not signed yet, so that all tokens go on."""
    return ask.send(ids={"kid": ask.world.at_admin("POST", f"{KEYS}/rotate")["kid"]})


def change_document(ask: Ask) -> httpx.Response:
    file_id = ask.file_id()
    read = ask.world.root.http.get(f"{ask.world.documents}/api/v1/files/{file_id}")
    headers = {"If-Match": read.headers["ETag"]}
    body = {"description": secrets.token_hex(4)}
    return ask.send(ask.world.documents, ids={"file_id": file_id}, json=body, headers=headers)


def delete_document(ask: Ask) -> httpx.Response:
    """One that was stored just now, where its owner can store."""
    owner = ask.world.owner(ask.caller, ask.row.whose)
    file_id = ask.world.store(owner) if ask.world.stores(owner) else ask.file_id()
    return ask.send(ask.world.documents, ids={"file_id": file_id})


def finalize_document(ask: Ask) -> httpx.Response:
    """One that was stored just now, as it is held from then on."""
    owner = ask.world.owner(ask.caller, ask.row.whose)
    file_id = ask.world.store(owner) if ask.world.stores(owner) else ask.file_id()
    return ask.send(ask.world.ingester, ids={"file_id": file_id})


def transfer_document(ask: Ask) -> httpx.Response:
    """One that was stored just now; of whom, makes no difference."""
    file_id = ask.world.store(ask.world.owners[OTHERS])
    return ask.send(json={"file_id": file_id, "target_element_id": "edit-02"})


def extend_document(ask: Ask, service: str) -> httpx.Response:
    """One that was stored just now, or it would be kept for that long already."""
    owner = ask.world.owner(ask.caller, ask.row.whose)
    file_id = ask.world.store(owner) if ask.world.stores(owner) else ask.file_id()
    return ask.send(service, ids={"file_id": file_id}, json={"ttl_days": 365})


def delete_at_ingester(ask: Ask) -> httpx.Response:
    owner = ask.world.owner(ask.caller, ask.row.whose)
    file_id = ask.world.store(owner) if ask.world.stores(owner) else ask.file_id()
    return ask.send(ask.world.ingester, ids={"file_id": file_id})


def new_transaction(owner_id: str = "nobody") -> dict[str, Any]:
    """It fails at its first step, and is tried again: there is no such element."""
    return {
        "file_id": str(uuid.uuid4()),
        "owner_id": owner_id,
        "requested_by_id": owner_id,
        "requested_by_name": WORD,
        "source_element_id": f"{WORD}-nowhere",
        "target_element_id": f"{WORD}-nowhere",
        "total_bytes": 1,
    }


def with_transaction(ask: Ask) -> httpx.Response:
    """At Admin, one that waits for its next attempt."""
    services = ask.world.callers[SERVICES].http
    url = f"{ask.world.admin}{TRANSACTIONS_PATH}"
    transaction_id = str(succeeded(services.post(url, json=new_transaction()))["transaction_id"])
    eventually(lambda: succeeded(services.get(f"{url}/{transaction_id}"))["attempts"] > 0, "it is not tried")
    return ask.send(ids={"transaction_id": transaction_id})


def read_finalization(ask: Ask) -> httpx.Response:
    owner_id = ask.world.owner(ask.caller, ask.row.whose).account_id or "nobody"
    url = f"{ask.world.admin}{TRANSACTIONS_PATH}"
    begun = succeeded(ask.world.callers[SERVICES].http.post(url, json=new_transaction(owner_id)))
    return ask.send(ask.world.ingester, ids={"transaction_id": begun["transaction_id"]})


def resumable(ask: Ask, service: str) -> httpx.Response:
    """An upload that was begun just now."""
    owner = ask.world.owner(ask.caller, ask.row.whose)
    if not ask.world.stores(owner):
        owner = ask.world.owners[OTHERS]
    name = ask.world.begin(owner, service)
    headers = TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    if ask.row.endpoint.startswith("POST"):
        headers["X-HTTP-Method-Override"] = "PATCH"
    content = b"01234" if ask.row.endpoint.startswith(("PATCH", "POST")) else None
    return ask.send(service, ids={"upload": name, "upload_id": name}, headers=headers, content=content)


def with_batch(ask: Ask, service: str) -> httpx.Response:
    """A batch that was opened just now, with a document in it."""
    owner = ask.world.owner(ask.caller, ask.row.whose)
    if not ask.world.stores(owner):
        owner = ask.world.owners[OTHERS]
    return ask.send(service, ids={"batch_id": ask.world.open_batch(owner, service)})


BATCHES = tuple(
    f"{what} /api/v1/batches/{{batch_id}}{behind}"
    for what, behind in (("GET", ""), ("GET", "/documents"), ("POST", "/commit"), ("DELETE", ""))
)


def begin_resumable(ask: Ask, service: str) -> httpx.Response:
    headers = TUS | {"Upload-Length": "10", "Upload-Metadata": "filename YS50eHQ="}
    return ask.send(service, headers=headers)


Request = Callable[[Ask], httpx.Response]
ADMIN: dict[str, Request] = {
    "POST /api/v1/auth/token": lambda ask: with_client(ask, grant_type="client_credentials"),
    "POST /api/v1/auth/revoke": lambda ask: with_client(ask, token=ask.whose_token()),
    "POST /api/v1/auth/tickets": lambda ask: ask.send(json=new_ticket()),
    "POST /api/v1/auth/introspect": lambda ask: with_client(ask, token=ask.whose_token()),
    f"POST {ACCOUNTS_PATH}": lambda ask: ask.send(json={"name": f"{WORD}-{secrets.token_hex(6)}"}),
    f"GET {ACCOUNTS_PATH}/{{account_id}}": Ask.of_account,
    f"PATCH {ACCOUNTS_PATH}/{{account_id}}": change_account,
    f"DELETE {ACCOUNTS_PATH}/{{account_id}}": Ask.of_account,
    f"POST {ACCOUNTS_PATH}/{{account_id}}/suspend": Ask.of_account,
    f"POST {ACCOUNTS_PATH}/{{account_id}}/activate": Ask.of_account,
    f"POST {ACCOUNTS_PATH}/{{account_id}}/restore": Ask.of_account,
    f"POST {ACCOUNTS_PATH}/{{account_id}}/rotate-secret": lambda ask: ask.of_account(
        json={"overlap_seconds": 0}
    ),
    f"DELETE {ACCOUNTS_PATH}/{{account_id}}/secrets/{{secret_id}}": end_secret,
    f"GET {ACCOUNTS_PATH}/{{account_id}}/grants": Ask.of_account,
    f"PUT {ACCOUNTS_PATH}/{{account_id}}/grants/{{owner_id}}": lambda ask: ask.of_account(
        json={"scopes": ["files:write"]}
    ),
    f"DELETE {ACCOUNTS_PATH}/{{account_id}}/grants/{{owner_id}}": take_grant_back,
    f"POST {AUTH}/login": log_in,
    f"POST {AUTH}/refresh": with_refresh_token,
    f"POST {AUTH}/logout": with_refresh_token,
    f"POST {AUTH}/password/reset": set_password,
    f"POST {AUTH}/password": change_password,
    f"DELETE {AUTH}/sessions/{{session_id}}": lambda ask: ask.send(
        ids={"session_id": ask.whose_login()["session_id"]}
    ),
    f"POST {AUTH}/totp": begin_second_factor,
    f"POST {AUTH}/totp/confirm": confirm_second_factor,
    f"POST {AUTH}/totp/remove": remove_second_factor,
    f"POST {USERS}": lambda ask: ask.send(json={"username": f"{WORD}.{secrets.token_hex(6)}"}),
    f"GET {USERS}/{{administrator_id}}": Ask.of_person,
    f"PATCH {USERS}/{{administrator_id}}": lambda ask: ask.of_person(
        json={"full_name": secrets.token_hex(4)}
    ),
    f"DELETE {USERS}/{{administrator_id}}": remove_person,
    f"POST {USERS}/{{administrator_id}}/password-reset": Ask.of_person,
    f"POST {USERS}/{{administrator_id}}/unlock": Ask.of_person,
    f"DELETE {USERS}/{{administrator_id}}/totp": Ask.of_person,
    f"GET {USERS}/{{administrator_id}}/sessions": Ask.of_person,
    f"DELETE {USERS}/{{administrator_id}}/sessions": Ask.of_person,
    f"DELETE {USERS}/{{administrator_id}}/sessions/{{session_id}}": end_session_of_person,
    f"POST {KEYS}/rotate": Ask.send,
    f"POST {KEYS}/{{kid}}/revoke": revoke_key,
    f"GET {ELEMENTS}/{{element_id}}": Ask.of_element,
    f"POST {ELEMENTS}": lambda ask: ask.send(json=element_by_hand()),
    f"PATCH {ELEMENTS}/{{element_id}}": lambda ask: ask.of_element(json={"priority": 7}),
    f"POST {ELEMENTS}/{{element_id}}/drain": Ask.of_element,
    f"POST {ELEMENTS}/{{element_id}}/activate": Ask.of_element,
    f"POST {ELEMENTS}/{{element_id}}/retire": lambda ask: ask.of_element(json={"confirm": True}),
    "GET /api/v1/audit/{index}": lambda ask: ask.send(ids={"index": "0"}),
    "GET /api/v1/audit/proof/inclusion": lambda ask: ask.send(params={"index": 0}),
    "GET /api/v1/audit/proof/consistency": lambda ask: ask.send(params={"from": 1, "to": 1}),
    "POST /api/v1/audit/refusals": lambda ask: ask.send(json=audit_report()),
    "POST /api/v1/audit/expiries": lambda ask: ask.send(json=expiry_report()),
    "POST /api/v1/audit/holds": lambda ask: ask.send(json=hold_report()),
    f"POST {TRANSACTIONS_PATH}": lambda ask: ask.send(json=new_transaction()),
    f"POST {TRANSFERS_PATH}": transfer_document,
    f"GET {TRANSACTIONS_PATH}/{{transaction_id}}": with_transaction,
    f"POST {TRANSACTIONS_PATH}/{{transaction_id}}/retry": with_transaction,
    f"POST {TRANSACTIONS_PATH}/{{transaction_id}}/compensate": with_transaction,
}
INGESTER: dict[str, Request] = {
    "POST /api/v1/files/upload": lambda ask: ask.send(ask.world.ingester, data=TEMPORARY, files=FILE),
    "POST /api/v1/files": lambda ask: ask.send(
        ask.world.ingester, params={"filename": "a.txt", **TEMPORARY}, content=b"content"
    ),
    "DELETE /api/v1/files/{file_id}": delete_at_ingester,
    "PUT /api/v1/files/{file_id}/retention": lambda ask: extend_document(ask, ask.world.ingester),
    "PUT /api/v1/files/{file_id}/hold": lambda ask: ask.send(
        ask.world.ingester, ids={"file_id": ask.file_id()}, json={"reason": WORD}
    ),
    "DELETE /api/v1/files/{file_id}/hold": lambda ask: ask.send(
        ask.world.ingester, ids={"file_id": ask.file_id()}
    ),
    "POST /api/v1/finalize/{file_id}": finalize_document,
    "GET /api/v1/finalize/{transaction_id}/status": read_finalization,
    "OPTIONS /api/v1/uploads": lambda ask: ask.send(ask.world.ingester),
    "OPTIONS /api/v1/uploads/{upload}": lambda ask: ask.send(ask.world.ingester, ids={"upload": "x"}),
    "POST /api/v1/uploads": lambda ask: begin_resumable(ask, ask.world.ingester),
    **{
        f"{method} /api/v1/uploads/{{upload}}": lambda ask: resumable(ask, ask.world.ingester)
        for method in ("HEAD", "GET", "PATCH", "DELETE", "POST")
    },
    "POST /api/v1/batches": lambda ask: ask.send(ask.world.ingester),
    **{what: lambda ask: with_batch(ask, ask.world.ingester) for what in BATCHES},
}


def with_link(ask: Ask) -> httpx.Response:
    """A link that was made just now; nobody has none of its own."""
    is_own = ask.row.whose == OWN and ask.caller.name != NOBODY
    maker = ask.caller if is_own else ask.world.owners[OTHERS]
    file_id = ask.world.document(maker, OWN)
    link = succeeded(maker.http.post(f"{ask.world.query}/api/v1/files/{file_id}/link", json={"once": True}))
    secret = link["url"].split("/")[-2]
    return ask.send(ask.world.query, ids={"link_id": link["link_id"], "secret": secret})


def with_ticket(ask: Ask) -> httpx.Response:
    """To which a link led that was made just now."""
    maker = ask.world.owners[OTHERS]
    file_id = ask.world.document(maker, OWN)
    new = {"direct": True}
    link = succeeded(maker.http.post(f"{ask.world.query}/api/v1/files/{file_id}/link", json=new))
    address = httpx.get(ask.world.query + link["url"], timeout=30).headers["location"]
    base, _, rest = address.partition("/api/v1/tickets/")
    return ask.send(base, ids={"ticket": rest.partition("/")[0]})


QUERY: dict[str, Request] = {
    "POST /api/v1/downloads": lambda ask: ask.send(ask.world.query, json={"ids": [ask.file_id()]}),
    "GET /api/v1/links": lambda ask: ask.send(ask.world.query),
    "DELETE /api/v1/links/{link_id}": with_link,
    "GET /api/v1/links/{secret}/download": with_link,
    "HEAD /api/v1/links/{secret}/download": with_link,
    **{
        what: lambda ask: ask.send(ask.world.query)
        for what in ("GET /api/v1/catalog", "POST /api/v1/catalog/rebuild")
    },
    "GET /api/v1/search": lambda ask: ask.send(ask.world.query, params={"q": WORD, "limit": 1000}),
    "GET /api/v1/suggest": lambda ask: ask.send(
        ask.world.query, params={"q": tag_of(ask.world.owner(ask.caller, ask.row.whose)), "kinds": "tag"}
    ),
    "GET /api/v1/search/export": lambda ask: ask.send(ask.world.query, params={"q": WORD, "format": "jsonl"}),
    "POST /api/v1/search": lambda ask: ask.send(ask.world.query, json={"q": WORD, "limit": 1000}),
    **{
        f"{what}": lambda ask: ask.send(ask.world.query, ids={"file_id": ask.file_id()})
        for what in (
            "GET /api/v1/files/{file_id}",
            "GET /api/v1/files/{file_id}/versions",
            "GET /api/v1/files/{file_id}/download",
            "HEAD /api/v1/files/{file_id}/download",
            "POST /api/v1/files/{file_id}/link",
        )
    },
}
STORAGE: dict[str, Request] = {
    "GET /api/v1/tickets/{ticket}/download": with_ticket,
    "HEAD /api/v1/tickets/{ticket}/download": with_ticket,
    "POST /api/v1/files/upload": lambda ask: ask.send(ask.world.documents, data=TEMPORARY, files=FILE),
    "GET /api/v1/files": lambda ask: ask.send(ask.world.documents, params={"limit": 1000}),
    **{
        f"{what}": lambda ask: ask.send(ask.world.documents, ids={"file_id": ask.file_id()})
        for what in (
            "GET /api/v1/files/{file_id}",
            "GET /api/v1/files/{file_id}/download",
            "HEAD /api/v1/files/{file_id}/download",
            "GET /api/v1/files/{file_id}/verification",
            "GET /api/v1/files/{file_id}/metadata",
        )
    },
    "POST /api/v1/uploads": lambda ask: begin_resumable(ask, ask.world.documents),
    **{
        f"{method} /api/v1/uploads/{{upload_id}}": lambda ask: resumable(ask, ask.world.documents)
        for method in ("HEAD", "GET", "PATCH", "DELETE")
    },
    "POST /api/v1/batches": lambda ask: ask.send(ask.world.documents, json={}),
    **{what: lambda ask: with_batch(ask, ask.world.documents) for what in BATCHES},
    "PATCH /api/v1/files/{file_id}/metadata": change_document,
    "DELETE /api/v1/files/{file_id}": delete_document,
    "PUT /api/v1/files/{file_id}/retention": lambda ask: extend_document(ask, ask.world.documents),
    "PUT /api/v1/files/{file_id}/hold": lambda ask: ask.send(
        ask.world.documents, ids={"file_id": ask.file_id()}, json={"reason": WORD}
    ),
    "DELETE /api/v1/files/{file_id}/hold": lambda ask: ask.send(
        ask.world.documents, ids={"file_id": ask.file_id()}
    ),
    # What it is already: the way back is barred.
    "PUT /api/v1/mode": lambda ask: ask.send(ask.world.element, json={"mode": "rw"}),
    **{
        f"{method} /api/v1/transfers/{{file_id}}/{what}": lambda ask: ask.send(
            ask.world.documents, ids={"file_id": str(uuid.uuid4())}
        )
        for method, what in (
            ("PUT", "hold"),
            ("DELETE", "hold"),
            ("DELETE", "source"),
            ("PUT", "copy"),
            ("DELETE", "copy"),
        )
    },
    **{
        what: lambda ask: ask.send(ask.world.element)
        for what in ("POST /api/v1/index/rebuild", "POST /api/v1/scrub", "POST /api/v1/scrub/pause")
    },
}
