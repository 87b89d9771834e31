"""How large a resumable upload may be, as far as that is known."""

from typing import Any, cast

import pytest
from starlette.requests import Request

from artstore.ingester.admission import Admission
from artstore.ingester.resumable.service import ResumableUploads
from artstore.ingester.settings import IngesterSettings
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementHealth, RegisteredElement
from artstore.wire.problems import ProblemType
from tests.support.announcements import registered
from tests.support.playing_elements import PRINCIPAL, Announced

SIZE = 1000
NEVER_HEARD_OF = registered("e2", max_file_bytes=0, free_bytes=0, health=ElementHealth.AWAY)


class FollowsNothing:
    async def headers(self, *_: object) -> dict[str, str]:
        return {}


async def refusal(
    settings: IngesterSettings, *elements: RegisteredElement, all_known: bool = True
) -> ProblemType:
    directory = cast(Any, Announced(list(elements), all_known))
    nobody, nothing_before = cast(Any, None), cast(Any, FollowsNothing())
    uploads = ResumableUploads(nobody, directory, nobody, settings, Admission(1, 1), nothing_before)
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(SIZE), "Authorization": "Bearer token"}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    state = {"request_id": "r", "traceparent": "t"}
    request = Request({"type": "http", "method": "POST", "headers": raw, "state": state})
    with pytest.raises(Problem) as refused:
        await uploads.create(request, PRINCIPAL)
    return refused.value.kind


async def test_what_none_takes(settings: IngesterSettings) -> None:
    assert await refusal(settings, registered(max_file_bytes=SIZE - 1)) is ProblemType.FILE_TOO_LARGE


async def test_what_one_may_take_that_has_not_announced_itself_yet(settings: IngesterSettings) -> None:
    small = registered(max_file_bytes=SIZE - 1)
    assert await refusal(settings, small, all_known=False) is ProblemType.NO_ELEMENT_AVAILABLE


async def test_what_one_may_take_that_was_never_heard_of(settings: IngesterSettings) -> None:
    assert await refusal(settings, NEVER_HEARD_OF) is ProblemType.NO_ELEMENT_AVAILABLE
