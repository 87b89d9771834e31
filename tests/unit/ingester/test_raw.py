"""A document sent as the body itself becomes, while it passes, the form that says the same."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from artstore.attributes import FilenameInvalid, check_filename
from artstore.ingester.uploads.pace import PaceLimits
from artstore.ingester.uploads.raw import RawBody
from artstore.kernel.multipart import Field, FileData, FileStart, FormEvent, FormParser
from artstore.kernel.problems import Problem
from artstore.wire.elements import Mode
from artstore.wire.problems import ProblemType
from tests.support.uploads import GONE, SILENCE, Upload

LIMIT = 1000
NONE: Mapping[str, str] = MappingProxyType({})


def raw(
    content: bytes = b"content", query: str = "filename=a.txt", headers: Mapping[str, str] = NONE
) -> Upload:
    return Upload(
        [content], announced=len(content), query=query, headers={"content-type": "text/plain", **headers}
    )


def body_of(upload: Upload) -> RawBody:
    return RawBody(upload.request, max_file_bytes=LIMIT, pace=PaceLimits(0.05))


async def form_of(body: RawBody) -> bytes:
    form = b"".join((await body.head(seconds=10)).pieces)
    while not body.ended:
        form += await body.read()
    return form


async def events_of(upload: Upload) -> list[FormEvent]:
    body = body_of(upload)
    parser = FormParser(body.content_type)
    form = await form_of(body)
    assert body.form_bytes in (None, len(form))
    return [*parser.feed(form), *parser.close()]


async def fields_of(upload: Upload) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for event in await events_of(upload):
        if isinstance(event, Field):
            fields.setdefault(event.name, []).append(event.value.decode())
    return fields


async def file_of(upload: Upload) -> tuple[FileStart, bytes]:
    events = await events_of(upload)
    (start,) = [event for event in events if isinstance(event, FileStart)]
    return start, b"".join(bytes(event.data) for event in events if isinstance(event, FileData))


async def refusal(upload: Upload) -> tuple[ProblemType, str | None]:
    with pytest.raises(Problem) as refused:
        await form_of(body_of(upload))
    return refused.value.kind, refused.value.field


@given(st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=8), st.booleans())
async def test_the_bytes_whatever_they_are_and_however_they_come(pieces: list[bytes], told: bool) -> None:
    content = b"".join(pieces)
    upload = Upload(pieces, announced=len(content) if told else None, query="filename=a", content_type="x/y")
    assert (await file_of(upload))[1] == content


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()))
async def test_the_name_in_the_query(name: str) -> None:
    try:
        check_filename(name)
    except FilenameInvalid:
        assert await refusal(raw(query=urlencode({"filename": name}))) == (
            ProblemType.INVALID_FILENAME,
            "original_filename",
        )
        return
    start, _ = await file_of(raw(query=urlencode({"filename": name})))
    assert (start.name, start.filename, start.content_type) == ("file", name, "text/plain")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.txt"', "a b.txt"),
        ("attachment; filename*=UTF-8''%D1%81%D1%87%D1%91%D1%82.pdf; filename=bill.pdf", "счёт.pdf"),
        ("inline; filename=x", "x"),
    ],
)
async def test_the_name_in_the_header(header: str, name: str) -> None:
    start, _ = await file_of(raw(query="", headers={"content-disposition": header}))
    assert start.filename == name


async def test_the_attributes() -> None:
    query = "filename=a&description=two%20words&tags=x,y&tags=z&custom_attributes=%7B%22year%22%3A2026%7D&retention_policy=temporary"
    assert await fields_of(raw(query=query)) == {
        "description": ["two words"],
        "tags": ["x,y", "z"],
        "custom_attributes": ['{"year":2026}'],
        "retention_policy": ["temporary"],
    }


async def test_a_line_break_in_an_attribute_begins_no_header() -> None:
    query = "filename=a&description=x%0D%0A%0D%0Ay%0D%0AContent-Type:%20z"
    assert await fields_of(raw(query=query)) == {"description": ["x\r\n\r\ny\r\nContent-Type: z"]}


@pytest.mark.parametrize(
    "given_type", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; a=b"]
)
async def test_what_curl_says_by_itself_is_no_content_type(given_type: str) -> None:
    start, _ = await file_of(raw(headers={"content-type": given_type}))
    assert start.content_type is None


async def test_the_policy_decides_the_mode_and_the_length_the_room() -> None:
    head = await body_of(raw(b"x" * 70, query="filename=a&retention_policy=temporary")).head(seconds=10)
    assert (head.wanted.mode, head.wanted.at_least, head.wanted.at_most) == (Mode.EDIT, 70, 70)


async def test_without_a_length_nothing_is_known_of_the_room() -> None:
    upload = Upload([b"x" * 70, b"y"], query="filename=a", content_type="x/y")
    head = await body_of(upload).head(seconds=10)
    assert (head.wanted.at_least, head.wanted.at_most) == (70, None)


@pytest.mark.parametrize(
    ("upload", "kind", "field"),
    [
        (raw(query=""), ProblemType.FILE_MISSING, "filename"),
        (raw(query="filename=a&filename=b"), ProblemType.INVALID_PARAMETER, "filename"),
        (raw(query="filename=a&author=b"), ProblemType.INVALID_PARAMETER, "author"),
        (raw(query=urlencode({"filename": "ж" * 5000})), ProblemType.INVALID_FILENAME, "original_filename"),
        (raw(query="filename=..%2Fa"), ProblemType.INVALID_FILENAME, "original_filename"),
        (raw(query="filename=%FF"), ProblemType.INVALID_PARAMETER, None),
        (raw(query="filename=a&" + "tags=x&" * 70), ProblemType.INVALID_PARAMETER, None),
        (raw(query="filename=a&retention_policy=forever"), ProblemType.INVALID_PARAMETER, "retention_policy"),
        (
            raw(query="", headers={"content-disposition": "attachment"}),
            ProblemType.INVALID_PARAMETER,
            "filename",
        ),
        (
            raw(headers={"content-disposition": "attachment; filename=b"}),
            ProblemType.INVALID_PARAMETER,
            "filename",
        ),
        (
            raw(headers={"content-type": "multipart/form-data; boundary=x"}),
            ProblemType.UNSUPPORTED_MEDIA_TYPE,
            None,
        ),
        (raw(headers={"content-type": "text/plain; a=\xe9"}), ProblemType.INVALID_PARAMETER, "file"),
        (raw(headers={"content-encoding": "gzip"}), ProblemType.UNSUPPORTED_MEDIA_TYPE, None),
        (raw(headers={"content-range": "bytes 0-6/20"}), ProblemType.INVALID_REQUEST, None),
        (raw(b""), ProblemType.FILE_EMPTY, "file"),
        (Upload([], query="filename=a", content_type="x/y"), ProblemType.FILE_EMPTY, "file"),
        (raw(b"x" * (LIMIT + 1)), ProblemType.FILE_TOO_LARGE, "file"),
        (
            Upload([b"x" * 600] * 2, query="filename=a", content_type="x/y"),
            ProblemType.FILE_TOO_LARGE,
            "file",
        ),
        (Upload([SILENCE], query="filename=a", content_type="x/y"), ProblemType.REQUEST_TIMEOUT, None),
    ],
)
async def test_refused(upload: Upload, kind: ProblemType, field: str | None) -> None:
    assert await refusal(upload) == (kind, field)


async def test_a_client_that_goes_away_ends_no_form() -> None:
    with pytest.raises(ClientDisconnect):
        await form_of(body_of(Upload([b"x", GONE], announced=5, query="filename=a", content_type="x/y")))
