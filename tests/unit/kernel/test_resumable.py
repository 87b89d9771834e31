"""The headers of tus as they are read."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from artstore.kernel.problems import Problem
from artstore.kernel.resumable import MAX_PARTS, creation_of, metadata_of
from artstore.wire.problems import ProblemType

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1)
VALUES = st.text(st.characters(exclude_categories=["Cs"]))


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_metadata_come_back(metadata: dict[str, str]) -> None:
    told = ",".join(f"{key} {encoded(value)}" for key, value in metadata.items())
    assert metadata_of(told) == metadata


@given(st.text(max_size=200))
def test_any_text_is_metadata_or_refused(told: str) -> None:
    with contextlib.suppress(Problem):  # nothing else
        assert isinstance(metadata_of(told), dict)


def test_a_value_may_be_missing() -> None:
    assert metadata_of("flag, name YQ==") == {"flag": "", "name": "a"}


@pytest.mark.parametrize("told", ["a YQ==,a Yg==", "a YQ", "a /w==", "é YQ==", f"a {'A' * 20_000}"])
def test_bad_metadata(told: str) -> None:
    with pytest.raises(Problem) as refused:
        metadata_of(told)
    assert refused.value.field == "Upload-Metadata"


class TestCreation:
    def test_of_a_whole_the_length_is_that_of_its_parts(self) -> None:
        creation = creation_of(Headers({"Upload-Concat": "final; /x/a  http://h/x/b", "Upload-Length": "9"}))
        assert (creation.parts, creation.length, creation.partial) == (("/x/a", "http://h/x/b"), None, False)

    def test_of_a_part(self) -> None:
        creation = creation_of(Headers({"Upload-Concat": "partial", "Upload-Defer-Length": "1"}))
        assert (creation.partial, creation.length) == (True, None)

    def test_only_a_part_may_be_empty(self) -> None:
        """Clients make such parts of documents that have fewer bytes than they make parts."""
        empty = {"Upload-Length": "0"}
        assert creation_of(Headers(empty | {"Upload-Concat": "partial"})).length == 0
        with pytest.raises(Problem) as refused:
            creation_of(Headers(empty))
        assert refused.value.kind is ProblemType.FILE_EMPTY

    @pytest.mark.parametrize("length", ["", "+1", "1.0", "١", "9" * 19])
    def test_bad_lengths(self, length: str) -> None:
        headers = [(b"upload-length", length.encode("utf-8"))]
        with pytest.raises(Problem):
            creation_of(Headers(raw=headers))

    def test_too_many_parts(self) -> None:
        with pytest.raises(Problem):
            creation_of(Headers({"Upload-Concat": "final;" + "/a " * (MAX_PARTS + 1)}))
