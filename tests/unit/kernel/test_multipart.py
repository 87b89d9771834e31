"""Forms as they arrive: the same whatever the pieces, bounded whatever the body, refused where in doubt."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.kernel.multipart import (
    BrokenForm,
    Field,
    FieldTooLarge,
    FileData,
    FileEnd,
    FileStart,
    FormEvent,
    FormParser,
    NotAForm,
)

BOUNDARY = "b0undary-77"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
DELIMITER = b"--" + BOUNDARY.encode()


@dataclass(frozen=True)
class Part:
    content: bytes
    headers: bytes


def field(name: str, value: bytes) -> Part:
    return Part(value, f'Content-Disposition: form-data; name="{name}"'.encode())


def file(content: bytes, disposition: bytes = b'name="file"; filename="a.txt"', more: bytes = b"") -> Part:
    return Part(content, b"Content-Disposition: form-data; " + disposition + more)


def form(*parts: Part) -> bytes:
    encoded = (DELIMITER + b"\r\n" + part.headers + b"\r\n\r\n" + part.content + b"\r\n" for part in parts)
    return b"".join(encoded) + DELIMITER + b"--\r\n"


def parse(body: bytes, cuts: list[int] | None = None, content_type: str = CONTENT_TYPE) -> list[FormEvent]:
    """The events of ``body``, fed in pieces that end at ``cuts``, with the data of a file joined."""
    parser = FormParser(content_type)
    ends = sorted({min(cut, len(body)) for cut in cuts or []} | {len(body)})
    events: list[FormEvent] = []
    start = 0
    for end in ends:
        events += parser.feed(body[start:end])
        start = end
    return joined(events + parser.close())


def joined(events: list[FormEvent]) -> list[FormEvent]:
    result: list[FormEvent] = []
    for event in events:
        if isinstance(event, FileData) and result and isinstance(result[-1], FileData):
            result[-1] = FileData(bytes(result[-1].data) + bytes(event.data))
        else:
            result.append(FileData(bytes(event.data)) if isinstance(event, FileData) else event)
    return result


def feed_forever(parser: FormParser, start: bytes) -> None:
    parser.feed(start)
    for _ in range(1000):
        parser.feed(b"a" * 1000)


def filename_of(disposition: bytes) -> str:
    start = parse(form(file(b"x", disposition)))[0]
    assert isinstance(start, FileStart)
    return start.filename


# What looks most like a boundary without being one: prefixes of it, and lines that begin as it does.
_NEARLY = st.sampled_from(
    [
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n-",
        b"\r\n--",
        b"\r\n" + DELIMITER[:-1],
        b"\r\n" + DELIMITER + b"x",
        DELIMITER,
        b"-",
    ]
)
_CONTENT = st.lists(_NEARLY | st.binary(max_size=20), max_size=12).map(b"".join)


def _has_no_boundary(content: bytes) -> bool:
    """RFC 2046 forbids a delimiter line in a part; a sender chooses its boundary so."""
    line = b"\r\n" + DELIMITER
    text = b"\r\n" + content + b"\r\n"
    return not any(line + end in text for end in (b"\r\n", b"--", b" ", b"\t"))


class TestCutting:
    @given(
        values=st.lists(_CONTENT.filter(_has_no_boundary), max_size=3),
        content=_CONTENT.filter(_has_no_boundary),
        epilogue=st.binary(max_size=10),
        empty_lines=st.integers(0, 2),
        cuts=st.lists(st.integers(0, 600)),
    )
    def test_events_do_not_depend_on_the_pieces(
        self, values: list[bytes], content: bytes, epilogue: bytes, empty_lines: int, cuts: list[int]
    ) -> None:
        parts = [field(f"f{i}", value) for i, value in enumerate(values)]
        body = b"\r\n" * empty_lines + form(*parts, file(content), field("last", b"1")) + epilogue

        expected: list[FormEvent] = [Field(f"f{i}", value) for i, value in enumerate(values)]
        expected.append(FileStart("file", "a.txt", None))
        if content:
            expected.append(FileData(content))
        expected += [FileEnd(), Field("last", b"1")]
        assert parse(body, cuts) == expected
        assert parse(body, list(range(len(body)))) == expected

    @given(
        body=st.lists(_NEARLY | st.binary(max_size=8) | st.just(form(file(b"x"))), max_size=6).map(b"".join)
    )
    def test_a_broken_body_is_broken_in_any_pieces(self, body: bytes) -> None:
        assert self._outcome(body, []) == self._outcome(body, list(range(len(body))))

    def _outcome(self, body: bytes, cuts: list[int]) -> list[FormEvent] | type[Exception]:
        try:
            return parse(body, cuts)
        except BrokenForm as error:
            return type(error)

    def test_a_piece_of_nothing_but_file_is_given_as_it_is(self) -> None:
        parser = FormParser(CONTENT_TYPE)
        parser.feed(DELIMITER + b"\r\n" + file(b"").headers + b"\r\n\r\n")
        piece = bytes(100_000)
        (event,) = parser.feed(piece)
        assert isinstance(event, FileData)
        assert event.data is piece

    @given(content=_CONTENT.filter(_has_no_boundary), cut=st.integers(0, 300))
    def test_what_is_withheld_may_still_be_data(self, content: bytes, cut: int) -> None:
        head = DELIMITER + b"\r\n" + file(b"").headers + b"\r\n\r\n"
        body = head + content + b"\r\n" + DELIMITER + b"--"
        parser = FormParser(CONTENT_TYPE)
        cut = min(len(head) + cut, len(body) - 1)
        events = parser.feed(body[:cut])
        given_bytes = sum(len(event.data) for event in events if isinstance(event, FileData))
        bound = given_bytes + parser.withheld_bytes + len(body) - cut - parser.closing_bytes
        assert bound == len(content)


class TestNames:
    @pytest.mark.parametrize(
        ("disposition", "name"),
        [
            ('name="file"; filename="отчёт за 2025.pdf"'.encode(), "отчёт за 2025.pdf"),
            ('name="file"; filename="报告.pdf"'.encode(), "报告.pdf"),
            (b'name="file"; filename="a; b=c.txt"', "a; b=c.txt"),
            (b'name="file"; filename="say \\"hi\\".txt"', 'say "hi".txt'),
            (b'name="file"; filename="say %22hi%22 100%.txt"', 'say "hi" 100%.txt'),
            (b'name="file"; filename="C:\\dir\\x.txt"', "C:\\dir\\x.txt"),
            (b"name=file; filename=plain.txt", "plain.txt"),
            (b'FileName="a.txt"; NAME="file"', "a.txt"),
            (b'name="file"; filename="x"; filename*=UTF-8\'\'%D0%BE%22.txt', 'о".txt'),
            (b"name=\"file\"; filename*=iso-8859-1'en'caf%E9.txt", "café.txt"),
            (b'name="file"; filename=""', ""),
            (b'name="file"; filename="../../etc/passwd"', "../../etc/passwd"),
            (b'name="file"; filename="a\x00b%0Ac.txt"', "a\x00b\nc.txt"),
        ],
    )
    def test_read(self, disposition: bytes, name: str) -> None:
        assert filename_of(disposition) == name

    def test_5000_characters_pass_to_whoever_judges_names(self) -> None:
        name = "文" * 5000
        assert filename_of(f'name="file"; filename="{name}"'.encode()) == name

    @given(name=st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n%'), max_size=200))
    def test_any_name_as_browsers_send_it(self, name: str) -> None:
        assert filename_of(f'name="file"; filename="{name}"'.encode()) == name

    @pytest.mark.parametrize(
        "disposition",
        [
            b'name="file"; filename="\xff\xfe.txt"',
            b'name="file"; filename="a.txt"; filename="b.txt"',
            b"name=\"file\"; filename*=UTF-8''%zz",
            b"name=\"file\"; filename*=utf-7''x",
            b'name="file"; filename="never closed',
            b'filename="a.txt"',
            b'name="file" filename="a.txt"',
        ],
    )
    def test_refused(self, disposition: bytes) -> None:
        with pytest.raises(BrokenForm):
            filename_of(disposition)


class TestHostile:
    def test_endless_headers(self) -> None:
        parser = FormParser(CONTENT_TYPE)
        with pytest.raises(BrokenForm):
            feed_forever(parser, DELIMITER + b"\r\nX-Long: ")

    def test_endless_header_name(self) -> None:
        parser = FormParser(CONTENT_TYPE)
        with pytest.raises(BrokenForm):
            feed_forever(parser, DELIMITER + b"\r\n")

    def test_many_headers(self) -> None:
        headers = b"".join(b"X-%d: 1\r\n" % i for i in range(1000))
        with pytest.raises(BrokenForm):
            parse(DELIMITER + b"\r\n" + headers + b"\r\nx\r\n" + DELIMITER + b"--")

    def test_100000_parts(self) -> None:
        with pytest.raises(BrokenForm, match="32 parts"):
            parse(form(*[field("f", b"")] * 100_000))

    def test_endless_field(self) -> None:
        parser = FormParser(CONTENT_TYPE, max_field_bytes=1000)
        with pytest.raises(FieldTooLarge) as refused:
            parser.feed(form(field("description", b"a" * 1001)))
        assert refused.value.name == "description"

    def test_a_field_at_the_limit(self) -> None:
        assert parse(form(field("description", b"a" * 65536))) == [Field("description", b"a" * 65536)]

    def test_nothing_but_empty_lines(self) -> None:
        with pytest.raises(BrokenForm, match="closing boundary"):
            parse(b"\r\n" * 100_000)

    def test_lines_without_carriage_return(self) -> None:
        with pytest.raises(BrokenForm):
            parse(form(file(b"x")).replace(b"\r\n", b"\n"))


class TestBroken:
    @pytest.mark.parametrize(
        "content_type", ["", "text/plain", "multipart/mixed; boundary=x", "multipart/form-dat"]
    )
    def test_another_content_type(self, content_type: str) -> None:
        with pytest.raises(NotAForm):
            FormParser(content_type)

    @pytest.mark.parametrize(
        "parameter",
        [
            "",
            "; boundary=",
            "; boundary=\x00",
            f"; boundary={'b' * 201}",
            "; boundary=a; boundary=b",
            "; boundary=\xe9",
        ],
    )
    def test_no_usable_boundary(self, parameter: str) -> None:
        with pytest.raises(BrokenForm):
            FormParser("multipart/form-data" + parameter)

    @pytest.mark.parametrize("content_type", ['Multipart/Form-Data; charset=utf-8; Boundary="b0 :?"'])
    def test_a_quoted_boundary(self, content_type: str) -> None:
        body = form(file(b"x")).replace(DELIMITER, b"--b0 :?")
        assert parse(body, content_type=content_type)[1] == FileData(b"x")

    def test_another_boundary(self) -> None:
        with pytest.raises(BrokenForm):
            parse(form(file(b"x")), content_type="multipart/form-data; boundary=other")

    def test_truncated_anywhere(self) -> None:
        body = form(field("a", b"1"), file(b"content"))
        whole = body.index(DELIMITER + b"--") + len(DELIMITER + b"--")
        for length in range(whole):
            with pytest.raises(BrokenForm):
                parse(body[:length])

    def test_every_call_after_it_is_refused(self) -> None:
        parser = FormParser(CONTENT_TYPE)
        with pytest.raises(BrokenForm):
            parser.feed(b"nonsense")
        with pytest.raises(BrokenForm):
            parser.feed(form(file(b"x")))
        with pytest.raises(BrokenForm):
            parser.close()

    def test_nested_multipart(self) -> None:
        inner = b"--in\r\nContent-Disposition: file; filename=a\r\n\r\nx\r\n--in--"
        part = Part(
            inner,
            b'Content-Disposition: form-data; name="file"\r\nContent-Type: multipart/mixed; boundary=in',
        )
        with pytest.raises(BrokenForm, match="multipart"):
            parse(form(part))

    def test_a_web_archive_is_a_file_like_any(self) -> None:
        part = file(b"x", more=b"\r\nContent-Type: multipart/related; boundary=in")
        assert parse(form(part))[0] == FileStart("file", "a.txt", "multipart/related; boundary=in")

    @pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable", b"X-Unknown"])
    def test_an_encoded_part(self, encoding: bytes) -> None:
        with pytest.raises(BrokenForm, match="Content-Transfer-Encoding"):
            parse(form(file(b"eA==", more=b"\r\nContent-Transfer-Encoding: " + encoding)))

    def test_a_part_that_says_it_is_binary(self) -> None:
        assert parse(form(file(b"x", more=b"\r\nContent-Transfer-Encoding: binary")))[1] == FileData(b"x")

    @pytest.mark.parametrize(
        "headers",
        [
            b"",
            b"Content-Type: text/plain",
            b'Content-Disposition: attachment; name="file"; filename="a"',
            b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"',
            b'Content-Disposition: form-data;\r\n name="folded"',
            b'Content-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: \xff',
        ],
    )
    def test_a_part_that_does_not_say_what_it_is(self, headers: bytes) -> None:
        with pytest.raises(BrokenForm):
            parse(form(Part(b"x", headers)))


class TestContent:
    def test_no_file_part(self) -> None:
        assert parse(form(field("description", b"only"))) == [Field("description", b"only")]

    def test_no_parts(self) -> None:
        assert parse(DELIMITER + b"--\r\n") == []

    def test_an_empty_file(self) -> None:
        assert parse(form(file(b""))) == [FileStart("file", "a.txt", None), FileEnd()]

    def test_nuls(self) -> None:
        assert parse(form(file(bytes(5000)), field("a", bytes(3))))[1:] == [
            FileData(bytes(5000)),
            FileEnd(),
            Field("a", bytes(3)),
        ]

    def test_content_type_of_the_file(self) -> None:
        part = file(b"x", more=b"\r\nContent-Type: application/pdf")
        assert parse(form(part))[0] == FileStart("file", "a.txt", "application/pdf")
