"""What Admin says of itself: its OpenAPI document, its health, its metrics."""

from artstore.wire.transactions import TRANSACTIONS_PATH, TRANSFERS_PATH

from .conftest import ACCOUNTS_PATH, AUDIT_PATH, ELEMENTS_PATH, TOKEN_PATH, Admin
from .people import AUTH, USERS

KEYS_PATH = "/api/v1/jwt-keys"


def test_every_endpoint_is_described(admin: Admin) -> None:
    paths = admin.http.get("/openapi.json").json()["paths"]
    described = {(method, path) for path, operations in paths.items() for method in operations}
    assert {entry for entry in described if entry[1].startswith(("/api", "/.well-known"))} == {
        ("post", TOKEN_PATH),
        ("get", "/.well-known/oauth-authorization-server"),
        ("get", "/.well-known/jwks.json"),
        ("post", ACCOUNTS_PATH),
        ("get", ACCOUNTS_PATH),
        *((method, f"{ACCOUNTS_PATH}/{{account_id}}") for method in ("get", "patch", "delete")),
        *(
            ("post", f"{ACCOUNTS_PATH}/{{account_id}}/{what}")
            for what in ("suspend", "activate", "restore", "rotate-secret")
        ),
        ("delete", f"{ACCOUNTS_PATH}/{{account_id}}/secrets/{{secret_id}}"),
        ("get", f"{ACCOUNTS_PATH}/{{account_id}}/grants"),
        *((method, f"{ACCOUNTS_PATH}/{{account_id}}/grants/{{owner_id}}") for method in ("put", "delete")),
        ("post", "/api/v1/auth/revoke"),
        ("post", "/api/v1/auth/tickets"),
        ("post", "/api/v1/auth/introspect"),
        ("get", "/api/v1/auth/revocations"),
        ("get", ELEMENTS_PATH),
        *((method, f"{ELEMENTS_PATH}/{{element_id}}") for method in ("get", "patch")),
        ("post", ELEMENTS_PATH),
        *(("post", f"{ELEMENTS_PATH}/{{element_id}}/{act}") for act in ("drain", "activate", "retire")),
        ("get", "/api/v1/storage-statistics"),
        ("get", KEYS_PATH),
        *(("post", f"{KEYS_PATH}/{what}") for what in ("rotate", "{kid}/revoke")),
        *(
            ("get", AUDIT_PATH + rest)
            for rest in ("", "/{index}", "/export", "/checkpoint", "/checkpoints", "/key")
        ),
        *(("get", f"{AUDIT_PATH}/proof/{kind}") for kind in ("inclusion", "consistency")),
        *(("post", f"{AUDIT_PATH}/{what}") for what in ("refusals", "expiries", "holds")),
        *(
            ("post", f"{AUTH}/{what}")
            for what in ("login", "refresh", "logout", "password/reset", "password")
        ),
        *((method, TRANSACTIONS_PATH) for method in ("get", "post")),
        ("get", f"{TRANSACTIONS_PATH}/{{transaction_id}}"),
        ("post", TRANSFERS_PATH),
        *(("post", f"{TRANSACTIONS_PATH}/{{transaction_id}}/{act}") for act in ("retry", "compensate")),
        *(("post", f"{AUTH}/totp{what}") for what in ("", "/confirm", "/remove")),
        *(("get", f"{AUTH}/{what}") for what in ("me", "sessions")),
        ("delete", f"{AUTH}/sessions/{{session_id}}"),
        *((method, USERS) for method in ("get", "post")),
        *((method, f"{USERS}/{{administrator_id}}") for method in ("get", "patch", "delete")),
        *(("post", f"{USERS}/{{administrator_id}}/{what}") for what in ("password-reset", "unlock")),
        ("delete", f"{USERS}/{{administrator_id}}/totp"),
        *((method, f"{USERS}/{{administrator_id}}/sessions") for method in ("get", "delete")),
        ("delete", f"{USERS}/{{administrator_id}}/sessions/{{session_id}}"),
    }


def test_refusals_of_the_token_endpoint_are_described_in_their_own_form(admin: Admin) -> None:
    responses = admin.http.get("/openapi.json").json()["paths"][TOKEN_PATH]["post"]["responses"]
    for status in ("400", "401", "429"):
        schema = responses[status]["content"]["application/json"]["schema"]
        assert schema["required"] == ["error", "error_description"]


def test_health_names_what_admin_needs(admin: Admin) -> None:
    """Each may be late now and then."""
    needed = {name: {"status": "up"} for name in ("database", "redis", "audit", "rate_limits")}
    healthy = {"status": "ready", "dependencies": needed}
    admin.eventually(lambda: admin.http.get("/health/ready").json() == healthy)


def test_requests_are_counted_by_route(admin: Admin) -> None:
    admin.ask_token(admin.initial)
    metrics = admin.http.get("/metrics").text
    assert (
        f'artstore_http_requests_total{{method="POST",route="{TOKEN_PATH}",service="admin",status="200"}}'
        in metrics
    )
