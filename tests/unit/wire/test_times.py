"""Times in requests are those of RFC 3339 with a zone. A number would be taken for seconds since 1970."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from artstore.wire.accounts import NewServiceAccount, ServiceAccountChange
from artstore.wire.audit import RefusalReport
from artstore.wire.elements import NewElement, RegistrationChange

REFUSED = {
    "account_id": None,
    "account_name": None,
    "address": None,
    "method": "GET",
    "route": "/",
    "status": 403,
}
BODIES: list[tuple[type[BaseModel], str, dict[str, Any]]] = [
    (NewServiceAccount, "expires_at", {"name": "billing"}),
    (ServiceAccountChange, "expires_at", {}),
    (RegistrationChange, "retention_until", {}),
    (NewElement, "retention_until", {"url": "http://rw-07.test"}),
    (
        RefusalReport,
        "minute",
        {"service": "query", "instance": "query-0123", "refusals": [REFUSED | {"count": 1}]},
    ),
]


@pytest.mark.parametrize(("body", "member", "rest"), BODIES)
class TestTimes:
    def test_with_a_zone(self, body: type[BaseModel], member: str, rest: dict[str, Any]) -> None:
        made = body.model_validate(rest | {member: "2030-01-02T03:04:05+01:00"})
        assert getattr(made, member).isoformat() == "2030-01-02T02:04:05+00:00"

    @pytest.mark.parametrize("said", [2030, 0.5, "2030", "2030-01-02", "2030-01-02T03:04:05", ""])
    def test_nothing_else(
        self, body: type[BaseModel], member: str, rest: dict[str, Any], said: object
    ) -> None:
        with pytest.raises(ValidationError, match=member):
            body.model_validate(rest | {member: said})
