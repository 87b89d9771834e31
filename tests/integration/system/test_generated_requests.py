"""Requests that nobody thought of, made from the descriptions of the services' APIs.

No answer may be a mistake of the service, and each must be one that the description tells of: its status, its
content type, its headers, its body. What the description forbids must be refused, and nothing be done without a
token. Elements are checked afterwards, as after every test.
"""

import base64
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from artstore.wire.tickets import TICKET_AUDIENCE, TICKETS_PATH
from artstore.wire.transactions import TRANSACTIONS_PATH
from tests.support import schemathesis
from tests.support.schemathesis import EXAMPLES, Target
from tests.support.system import RunningSystem

from .callers import ACCOUNTS_PATH, USERS, Caller, Setup, client, succeeded
from .requests_of_matrix import ELEMENTS, KEYS, element_by_hand, new_transaction

pytestmark = pytest.mark.timeout(300 + 60 * EXAMPLES)

FEW, MANY = 3, 40
"""How many there are of what stays, and of what is gone once it was removed."""


@pytest.fixture(scope="module")
def made(patient_system: RunningSystem) -> Iterator["Made"]:
    made = Made(patient_system)
    yield made
    made.close()


class Made(Setup):
    """Who asks, and what is there to be asked for: nothing of the latter belongs to the former."""

    def __init__(self, system: RunningSystem) -> None:
        super().__init__(system)
        self._system = system
        self.administrator = self._account("ADMIN")
        self.client = self._account("USER")
        self.services_token = self.new_token(self.services())
        # As Admin makes it for itself.
        scope = "transfers:write files:read files:all"
        self.mover_token = system.signed_anew(self.services_token, scope=scope)

    def close(self) -> None:
        super().close()
        self.administrator.http.close()
        self.client.http.close()

    def target(self, service: str) -> Target:
        match service:
            case "admin":
                return self._admin()
            case "ingester":
                return self._ingester()
            case "query":
                return Target(self.query, self.administrator.token, self._documents() | self._links())
            case _:
                return self._element()

    def _account(self, role: str) -> Caller:
        created = self.new_account(role)
        account = Caller(role, client(), created["id"])
        account.credentials = created["client_id"], created["client_secret"]
        account.token = self.new_token(account)
        return account

    def _documents(self) -> dict[str, list[str]]:
        return {
            "path.file_id": [self.store(self.administrator) for _ in range(MANY)],
            "header.Range": ["bytes=0-1", "bytes=2-", "bytes=-3", "bytes=99-"],
        }

    def _links(self) -> dict[str, list[str]]:
        """Some to use, others to end."""
        file_id = self.store(self.administrator)
        url = f"{self.query}/api/v1/files/{file_id}/link"
        links = [succeeded(self.administrator.http.post(url)) for _ in range(MANY)]
        return {
            "path.secret": [link["url"].split("/")[-2] for link in links[:FEW]],
            "path.link_id": [link["link_id"] for link in links[FEW:]],
        }

    def _ingester(self) -> Target:
        uploads = [self.begin(self.administrator, self.ingester) for _ in range(FEW)]
        ended = [self.begin(self.administrator, self.ingester) for _ in range(MANY)]
        batches = [self.open_batch(self.administrator, self.ingester) for _ in range(FEW)]
        given_up = [self.open_batch(self.administrator, self.ingester) for _ in range(MANY)]
        of_operations: dict[str, dict[str, Sequence[str | int]]] = {
            "DELETE /api/v1/batches/{batch_id}": {"path.batch_id": given_up},
            "DELETE /api/v1/uploads/{upload}": {"path.upload": ended},
            "DELETE /api/v1/files/{file_id}": {**self._documents()},
            "PUT /api/v1/files/{file_id}/retention": {**self._documents()},
            "PUT /api/v1/files/{file_id}/hold": {**self._documents()},
            "DELETE /api/v1/files/{file_id}/hold": {**self._documents()},
            "POST /api/v1/finalize/{file_id}": {**self._documents()},
        }
        values: dict[str, list[str]] = {
            "path.transaction_id": self._transactions(),
            "path.upload": uploads,
            "path.batch_id": batches,
        }
        return Target(self.ingester, self.administrator.token, values, of_operations)

    def _transactions(self) -> list[str]:
        """Some that are tried again and again, for they have no elements."""
        url, headers = f"{self.admin}{TRANSACTIONS_PATH}", {"Authorization": f"Bearer {self.services_token}"}
        return [
            str(
                succeeded(self.client.http.post(url, json=new_transaction(), headers=headers))[
                    "transaction_id"
                ]
            )
            for _ in range(FEW)
        ]

    def _element(self) -> Target:
        changed = self.store(self.administrator)
        read = self.administrator.http.get(f"{self.documents}/api/v1/files/{changed}")
        change: dict[str, Sequence[str | int]] = {
            "path.file_id": [changed],
            "header.If-Match": [read.headers["ETag"]],
        }
        uploads = [self.begin(self.administrator, self.documents) for _ in range(FEW)]
        ended = [self.begin(self.administrator, self.documents) for _ in range(MANY)]
        batches = [self.open_batch(self.administrator, self.documents) for _ in range(FEW)]
        given_up = [self.open_batch(self.administrator, self.documents) for _ in range(MANY)]
        of_operations: dict[str, dict[str, Sequence[str | int]]] = {
            "DELETE /api/v1/batches/{batch_id}": {"path.batch_id": given_up},
            "DELETE /api/v1/uploads/{upload_id}": {"path.upload_id": ended},
            "PATCH /api/v1/files/{file_id}/metadata": change,
            # None of those that are held for a transfer.
            "DELETE /api/v1/files/{file_id}": {**self._documents()},
            # What is not there is gone already.
            "DELETE /api/v1/transfers/{file_id}/source": {
                "path.file_id": [str(uuid.uuid4()) for _ in range(FEW)]
            },
        }
        authorization = {
            f"{method} /api/v1/transfers/{{file_id}}/{what}": f"Bearer {self.mover_token}"
            for what in ("hold", "source", "copy")
            for method in ("PUT", "DELETE")
        }
        values = self._documents() | {
            "path.upload_id": uploads,
            "path.batch_id": batches,
            "path.ticket": [self._ticket() for _ in range(FEW)],
        }
        return Target(self.documents, self.administrator.token, values, of_operations, authorization)

    def _ticket(self) -> str:
        """Good for longer than Admin makes them."""
        file_id = self.store(self.administrator)
        return self._system.signed_anew(self.services_token, aud=TICKET_AUDIENCE, file_id=file_id)

    def _admin(self) -> Target:
        accounts = [self.new_account() for _ in range(FEW)]
        ids = [account["id"] for account in accounts]
        for grantee in ids:
            for owner in ids:
                if owner != grantee:
                    path = f"{ACCOUNTS_PATH}/{grantee}/grants/{owner}"
                    self.at_admin("PUT", path, {"scopes": ["files:read"]})
        elements = [element_by_hand() for _ in range(FEW)]
        for element in elements:
            self.at_admin("POST", ELEMENTS, element)
        # Revoked already: otherwise tokens would end that somebody works with.
        kid = self.at_admin("POST", f"{KEYS}/rotate")["kid"]
        self.at_admin("POST", f"{KEYS}/{kid}/revoke")
        other = self.new_person()
        one_session: dict[str, Sequence[str | int]] = {
            "path.administrator_id": [other.account_id],
            "path.session_id": [self.log_in(other)["session_id"] for _ in range(FEW)],
        }
        values = {
            "path.account_id": ids,
            "path.owner_id": ids,
            "path.secret_id": [account["secrets"][0]["id"] for account in accounts],
            "path.administrator_id": [self.invite()["id"] for _ in range(MANY)],
            "path.session_id": [self.log_in(self.root)["session_id"] for _ in range(FEW)],
            "path.element_id": [element["element_id"] for element in elements],
            "path.kid": [kid],
            "path.transaction_id": self._transactions(),
            "path.index": [0, 1, 2],
            "header.If-Match": [f'"{revision}"' for revision in range(1, 10)],
        }
        assert self.client.credentials is not None
        basic = "Basic " + base64.b64encode(":".join(self.client.credentials).encode()).decode()
        authorization = {f"POST /api/v1/auth/{what}": basic for what in ("token", "revoke", "introspect")}
        authorization["POST /api/v1/audit/refusals"] = f"Bearer {self.services_token}"
        authorization[f"POST {TICKETS_PATH}"] = f"Bearer {self.services_token}"
        authorization[f"POST {TRANSACTIONS_PATH}"] = f"Bearer {self.services_token}"
        one_grant: dict[str, Sequence[str | int]] = {"path.account_id": ids[:1], "path.owner_id": ids[1:2]}
        of_operations: dict[str, dict[str, Sequence[str | int]]] = {
            f"DELETE {USERS}/{{administrator_id}}/sessions/{{session_id}}": one_session,
            f"DELETE {ACCOUNTS_PATH}/{{account_id}}/grants/{{owner_id}}": one_grant,
        }
        return Target(self.admin, self.root.token, values, of_operations, authorization)


# Admin last: whoever guesses at logins locks the address out, from which the others are made.
@pytest.mark.parametrize("service", ["ingester", "query", "storage", "admin"])
def test_generated_requests(made: Made, service: str, tmp_path: Path) -> None:
    target = made.target(service)
    description = succeeded(made.root.http.get(f"{target.url}/openapi.json"))
    before = answers(made, target)
    done = schemathesis.run(target, description, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    counted = answers(made, target) - before
    # Whoever is told to come later is not told anything else.
    assert [answer for answer in counted if answer[1] >= 500 or answer[1] == 429] == []
    done_at_all = {name for name, status in counted if status < 300}
    # Whether a body is taken may be up to chance, or to a secret; the access matrix has those that are.
    without_body = {
        f"{method.upper()} {path}"
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        if "requestBody" not in operation
    }
    assert without_body - done_at_all == set()


def answers(made: Made, target: Target) -> Counter[tuple[str, int]]:
    """How often each endpoint has answered with which status, by method and path."""
    found: Counter[tuple[str, int]] = Counter()
    for family in text_string_to_metric_families(made.root.http.get(f"{target.url}/metrics").text):
        if family.name == "artstore_http_requests":
            for sample in family.samples:
                if sample.name.endswith("_total"):
                    name = f"{sample.labels['method']} {sample.labels['route']}"
                    found[name, int(sample.labels["status"])] += int(sample.value)
    return found
