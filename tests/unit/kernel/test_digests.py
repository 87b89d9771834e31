"""``Repr-Digest`` on what comes in: read by RFC 9530, or refused."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from artstore.kernel.digests import announced_sha256
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

DIGEST = hashlib.sha256(b"content")
OURS = f"sha-256=:{base64.b64encode(DIGEST.digest()).decode()}:"
OTHER = "sha-512=:AAAA:"


def announced(*values: str) -> str | None:
    return announced_sha256(Headers(raw=[(b"repr-digest", value.encode("latin-1")) for value in values]))


def test_none() -> None:
    assert announced() is None


@pytest.mark.parametrize(
    "values", [[OURS], [f"{OTHER}, {OURS}"], [OTHER, OURS], [f" {OURS} ,{OTHER}"], ["sha-256=:AAAA:", OURS]]
)
def test_read(values: list[str]) -> None:
    assert announced(*values) == DIGEST.hexdigest()


@pytest.mark.parametrize(
    "value",
    [
        "",
        ",",
        DIGEST.hexdigest(),
        OTHER,
        "sha-256=" + DIGEST.hexdigest(),
        "sha-256=:AAAA:",
        "sha-256=:A:",
        "sha-256=::",
        OURS[:-1],
        OURS + ";x=1",
        OURS.upper(),
        "md5=:AAAA:",
        OURS + ", x" * 3000,
        OURS + f",{OTHER}" * 400 + ",sha-256=:AAAA:",
        f"{OTHER}," * 400 + OURS,
    ],
)
def test_refused(value: str) -> None:
    with pytest.raises(Problem) as refused:
        announced(value)
    assert (refused.value.kind, refused.value.field) == (ProblemType.INVALID_PARAMETER, "Repr-Digest")


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=200))
def test_any_text_is_read_or_refused(value: str) -> None:
    try:
        found = announced(value)
    except Problem:
        return
    assert found is not None
    assert len(bytes.fromhex(found)) == 32
