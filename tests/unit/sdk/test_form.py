"""The form that is sent is the form that the services read."""

import json
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from artstore.attributes import RetentionPolicy
from artstore.kernel.multipart import Field, FileData, FileStart, FormParser
from artstore.sdk.form import Form, upload_form

NAMES = st.text(min_size=1, max_size=60).filter(lambda name: "\ud800" not in name and name.isprintable())


async def chunks(*content: bytes) -> AsyncIterator[bytes]:
    for chunk in content:
        yield chunk


async def whole(form: Form, *content: bytes) -> bytes:
    return b"".join([chunk async for chunk in form.body(chunks(*content))])


def read(form: Form, body: bytes) -> tuple[dict[str, list[str]], list[FileStart], bytes]:
    parser = FormParser(form.content_type)
    fields: dict[str, list[str]] = {}
    files: list[FileStart] = []
    content = b""
    for event in [*parser.feed(body), *parser.close()]:
        if isinstance(event, Field):
            assert not files, "fields stand before the file"
            fields.setdefault(event.name, []).append(event.value.decode())
        elif isinstance(event, FileStart):
            files.append(event)
        elif isinstance(event, FileData):
            content += event.data
    return fields, files, content


@given(name=NAMES, tags=st.lists(st.text(max_size=20)), description=st.text(max_size=100))
def test_names_and_fields_arrive_unchanged(name: str, tags: list[str], description: str) -> None:
    import asyncio

    async def check() -> None:
        form = upload_form(name, description=description, tags=tags)
        body = await whole(form, b"by", b"tes")
        assert len(body) == form.length(5)
        fields, files, content = read(form, body)
        assert [file.filename for file in files] == [name]
        assert content == b"bytes"
        assert fields.get("description") == [description]
        assert [json.loads(value) for value in fields.get("tags", [])] == ([tags] if tags else [])

    asyncio.run(check())


async def test_every_field() -> None:
    form = upload_form(
        'quote " percent %22 \\ отчёт.txt',
        content_type="text/plain",
        custom_attributes={"номер": [1, None, {"a": True}]},
        retention_policy=RetentionPolicy.TEMPORARY,
        version="2",
        replaces="the one before",
        document_id="the first one",
    )
    fields, files, _ = read(form, await whole(form, b"x"))
    assert files[0].filename == 'quote " percent %22 \\ отчёт.txt'
    assert files[0].content_type == "text/plain"
    assert json.loads(fields["custom_attributes"][0]) == {"номер": [1, None, {"a": True}]}
    assert fields["retention_policy"] == ["temporary"]
    assert fields["version"] == ["2"]
    assert fields["replaces"] == ["the one before"]
    assert fields["document_id"] == ["the first one"]
    assert "description" not in fields


async def test_text_that_is_no_unicode_is_left_to_the_service_to_refuse() -> None:
    form = upload_form("a.txt", description="\udcff", custom_attributes={"a": "\udcff"}, tags=["\udcff"])
    parser = FormParser(form.content_type)
    values = [event.value for event in parser.feed(await whole(form, b"x")) if isinstance(event, Field)]
    assert len(values) == 3
    assert all("\udcff".encode("utf-8", "surrogatepass") in value for value in values)
