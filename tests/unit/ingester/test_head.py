"""The head of a form: read as far as needed, kept unchanged."""

import asyncio
from itertools import pairwise
from urllib.parse import urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.ingester.files.versions import Follows
from artstore.ingester.placement import Wanted
from artstore.ingester.uploads.body import Head
from artstore.ingester.uploads.form import FORM_OVERHEAD_BYTES, FormBody
from artstore.ingester.uploads.held import Holding, parted
from artstore.ingester.uploads.pace import PaceLimits
from artstore.kernel.problems import Problem
from artstore.wire.elements import Mode
from artstore.wire.problems import ProblemType
from tests.support.system import form, part
from tests.support.uploads import SILENCE, Upload

GIB = 1 << 30
FIRST, ANOTHER = "0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e", "0193a5b0-7c1e-7000-8000-5a3f1b2c4d5f"
FILE = part("file", b"content", "note.txt")


async def head_of(upload: Upload, *, seconds: float = 10) -> tuple[Head, FormBody]:
    body = FormBody(upload.request, max_file_bytes=GIB, pace=PaceLimits(10))
    return await body.head(seconds=seconds), body


async def refusal(upload: Upload) -> Problem:
    with pytest.raises(Problem) as refused:
        await head_of(upload)
    return refused.value


def asking(parts: list[bytes], policies: list[str]) -> Upload:
    """With policies in the form and in the query."""
    return Upload.whole(
        form(*parts, FILE), query=urlencode([("retention_policy", each) for each in policies])
    )


class TestPolicy:
    @pytest.mark.parametrize(
        ("parts", "policies", "mode"),
        [
            ([], [], Mode.RW),
            ([part("retention_policy", b"permanent")], [], Mode.RW),
            ([part("retention_policy", b"temporary")], [], Mode.EDIT),
            ([part("retention_policy", b" temporary ")], [], Mode.EDIT),
            ([part("retention_policy", b"")], ["temporary"], Mode.EDIT),
            ([part("retention_policy", b"temporary")], ["temporary"], Mode.EDIT),
            ([part("description", b"temporary")], [], Mode.RW),
        ],
    )
    async def test_decides_the_mode(self, parts: list[bytes], policies: list[str], mode: Mode) -> None:
        head, _ = await head_of(asking(parts, policies))
        assert head.wanted.mode is mode

    @pytest.mark.parametrize(
        ("parts", "policies"),
        [
            ([part("retention_policy", b"forever")], []),
            ([part("retention_policy", b"\xff")], []),
            ([], ["TEMPORARY"]),
            ([part("retention_policy", b"temporary")], ["permanent"]),
            ([part("retention_policy", b"temporary"), part("retention_policy", b"permanent")], []),
        ],
    )
    async def test_refused(self, parts: list[bytes], policies: list[str]) -> None:
        problem = await refusal(asking(parts, policies))
        assert problem.kind is ProblemType.INVALID_PARAMETER
        assert problem.field == "retention_policy"


class TestSize:
    async def test_of_a_file_that_is_there_already(self) -> None:
        head, body = await head_of(Upload.whole(form(FILE, part("description", b"after"))))
        assert head.wanted == Wanted(Mode.RW, at_least=7, at_most=7)
        assert body.ended

    async def test_of_a_file_that_has_only_begun(self) -> None:
        content = b"x" * (2 * FORM_OVERHEAD_BYTES)
        head, body = await head_of(Upload.whole(form(part("file", content, "big.bin")), pieces=100))
        # The line break after the closing boundary may be missing, so it counts as if it were of the file.
        assert head.wanted.at_most == len(content) + len("\r\n")
        assert head.wanted.at_least <= len(content)
        assert not body.ended

    async def test_of_an_upload_without_a_length(self) -> None:
        head, _ = await head_of(Upload([form(FILE)[:-20], form(FILE)[-20:]]))
        assert head.wanted.at_most is None


class TestReading:
    async def test_no_further_than_the_file(self) -> None:
        body = form(part("description", b"words"), part("file", b"x" * 10_000, "big.bin"))
        upload = Upload.whole(body, pieces=100)
        head, _ = await head_of(upload)
        assert upload.pieces_read == len(head.pieces) == 2
        assert body.startswith(b"".join(head.pieces))

    async def test_a_head_that_does_not_come(self) -> None:
        upload = Upload([form(FILE)[:20], SILENCE])
        with pytest.raises(Problem) as refused:
            await head_of(upload, seconds=0.01)
        assert refused.value.kind is ProblemType.REQUEST_TIMEOUT

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (form(part("description", b"words")), ProblemType.FILE_MISSING),
            (form(), ProblemType.FILE_MISSING),
            (form(part("file", b"content")), ProblemType.FILE_MISSING),
            (form(part("document", b"content", "note.txt")), ProblemType.FILE_MISSING),
            (form(part("file", b"", "note.txt")), ProblemType.FILE_EMPTY),
            (form(FILE, FILE), ProblemType.INVALID_PARAMETER),
            (form(part("description", b"x" * 70_000), FILE), ProblemType.ATTRIBUTES_TOO_LARGE),
            (form(FILE)[:-16], ProblemType.BROKEN_MULTIPART),
            (b"", ProblemType.BROKEN_MULTIPART),
            (b"nonsense", ProblemType.BROKEN_MULTIPART),
        ],
    )
    async def test_refused(self, body: bytes, kind: ProblemType) -> None:
        problem = await refusal(Upload([body], announced=len(body)))
        assert problem.kind is kind

    @pytest.mark.parametrize("content_type", ["", "text/plain", "application/json"])
    async def test_no_form(self, content_type: str) -> None:
        upload = Upload([form(FILE)], content_type=content_type)
        assert (await refusal(upload)).kind is ProblemType.UNSUPPORTED_MEDIA_TYPE
        assert upload.pieces_read == 0

    async def test_announced_too_large(self) -> None:
        upload = Upload([form(FILE)], announced=GIB + FORM_OVERHEAD_BYTES + 1)
        assert (await refusal(upload)).kind is ProblemType.FILE_TOO_LARGE
        assert upload.pieces_read == 0


@given(
    st.lists(st.integers(1, 400), max_size=40, unique=True),
    st.binary(max_size=200),
    st.lists(st.sampled_from([b"description", b"tags"]), max_size=3),
)
def test_any_split_of_a_body_is_the_same_document(
    cuts: list[int], content: bytes, fields: list[bytes]
) -> None:
    """What is relayed, and what is known of it."""
    others = [part(name.decode(), b"words") for name in fields]
    whole = form(part("retention_policy", b"temporary"), *others, part("file", content + b"x", "note.txt"))
    at = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[start:end] for start, end in pairwise(at)]

    async def relayed() -> tuple[Mode, bytes]:
        head, body = await head_of(Upload(pieces, announced=len(whole)))
        assert head.wanted.at_least <= len(content) + 1 <= (head.wanted.at_most or 0)
        await Holding(1 << 20).read(body, head.pieces)
        assert body.ended
        return head.wanted.mode, b"".join(parted(head.pieces))

    assert asyncio.run(relayed()) == (Mode.EDIT, whole)


class TestVersion:
    @pytest.mark.parametrize("query", ["", f"replaces={FIRST}"])
    async def test_is_told_before_the_file_or_in_the_query(self, query: str) -> None:
        upload = Upload.whole(form(part("replaces", FIRST.encode()), FILE), query=query)
        head, _ = await head_of(upload)
        assert head.follows == Follows(UUID(FIRST), None)

    async def test_of_no_document(self) -> None:
        head, _ = await head_of(Upload.whole(form(part("replaces", b""), part("document_id", b" "), FILE)))
        assert head.follows is None

    @pytest.mark.parametrize("name", ["replaces", "document_id"])
    @pytest.mark.parametrize("told", ["x", f"{FIRST}x", "\udcff"])
    async def test_is_no_id(self, name: str, told: str) -> None:
        body = form(part(name, told.encode("utf-8", "surrogatepass")), FILE)
        refused = await refusal(Upload.whole(body))
        assert (refused.kind, refused.field) == (ProblemType.INVALID_PARAMETER, name)

    async def test_differs_between_the_query_and_the_form(self) -> None:
        body = form(part("document_id", FIRST.encode()), FILE)
        refused = await refusal(Upload.whole(body, query=f"document_id={ANOTHER}"))
        assert (refused.kind, refused.field) == (ProblemType.INVALID_PARAMETER, "document_id")

    @pytest.mark.parametrize("pieces", [1, 40])
    async def test_behind_the_file_is_too_late(self, pieces: int) -> None:
        late = form(FILE, part("replaces", FIRST.encode()))

        async def read_all(query: str) -> Head:
            head, body = await head_of(Upload.whole(late, pieces=pieces, query=query))
            while not body.ended:
                await body.read()
            return head

        with pytest.raises(Problem) as refused:
            await read_all("")
        assert refused.value.kind is ProblemType.FIELD_ORDER
        # What says nothing new may stand anywhere.
        assert (await read_all(f"replaces={FIRST}")).follows == Follows(UUID(FIRST), None)
