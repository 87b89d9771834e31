"""Which documents are coded."""

import pytest

from artstore.engine.coding import Coding, CodingPolicy


@pytest.mark.parametrize(
    "content_type",
    [
        "text/csv",
        "text/plain; charset=utf-8",
        "TEXT/HTML",
        "application/json",
        "application/problem+json",
        "image/svg+xml",
        "application/msword",
        "image/tiff",
    ],
)
def test_what_is_not_compressed_by_itself(content_type: str) -> None:
    assert CodingPolicy(coding=Coding.GZIP).coding_of(content_type) is Coding.GZIP


@pytest.mark.parametrize(
    "content_type",
    [
        "application/pdf",
        "image/jpeg",
        "application/zip",
        "application/gzip",
        "application/octet-stream",
    ],
)
def test_not_what_is(content_type: str) -> None:
    assert CodingPolicy(coding=Coding.GZIP).coding_of(content_type) is None


def test_nothing_unless_it_is_wanted() -> None:
    assert CodingPolicy().coding_of("text/plain") is None


def test_own_types() -> None:
    policy = CodingPolicy(coding=Coding.ZSTD, types=("application/*", "*/*+x"))
    wanted = ["application/pdf", "image/a+x", "image/x", "text/plain"]
    assert [policy.coding_of(each) for each in wanted] == [Coding.ZSTD, Coding.ZSTD, None, None]
