"""What a client says that it takes, and what it gets."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from artstore.attributes import FileAttributes
from artstore.engine import Coding
from artstore.storage.files.representation import Representation, acceptable, weights_of

AT = datetime(2026, 11, 23, 12, 1, 2, tzinfo=UTC)
CHECKSUM = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PLAIN = Representation(10, CHECKSUM)
CODED = Representation(4, "ab" * 32, Coding.GZIP)


def attributes(**fields: Any) -> FileAttributes:
    return FileAttributes.of(
        {
            "file_id": UUID("01936a2f-0000-7000-8000-000000000001"),
            "original_filename": "a.csv",
            "storage_filename": "a.csv",
            "storage_path": "files/a.csv",
            "file_size": 10,
            "content_type": "text/csv",
            "created_at": AT,
            "updated_at": AT,
            "created_by_id": "owner",
            "created_by_username": "owner",
            "checksum": CHECKSUM,
            **fields,
        }
    )


def stored(encoding: str) -> FileAttributes:
    return attributes(content_encoding=encoding, stored_size=4, stored_checksum="ab" * 32)


def asking(*accept_encoding: str) -> Request:
    lines = [(b"accept-encoding", line.encode("latin-1")) for line in accept_encoding]
    return Request({"type": "http", "headers": lines})


@pytest.mark.parametrize(
    ("accept_encoding", "forms"),
    [
        ([], [PLAIN]),
        ([""], [PLAIN]),
        (["identity"], [PLAIN]),
        (["br"], [PLAIN]),
        (["gzip"], [CODED, PLAIN]),
        (["X-GZIP"], [CODED, PLAIN]),
        (["br, gzip;q=0.1"], [CODED, PLAIN]),
        (["br", "gzip"], [CODED, PLAIN]),
        (["gzip;q=0"], [PLAIN]),
        (["gzip;q=0.000, *"], [PLAIN]),
        (["*"], [CODED, PLAIN]),
        (["*;q=0"], [PLAIN]),
        (["*;q=0, gzip"], [CODED]),
        (["gzip, identity;q=0"], [CODED]),
        (["identity;q=0"], [PLAIN]),
        (["gzip;q=0.5, identity;q=0.8"], [PLAIN, CODED]),
        (["gzip;q=0.5, *;q=0.8"], [PLAIN, CODED]),
        (["gzip ; Q=0.5,identity;q=0.5"], [CODED, PLAIN]),
        (["gzip;q=2"], [PLAIN]),
        (["gzip;level=9, , ;"], [PLAIN]),
    ],
)
def test_the_form_that_is_preferred_comes_first(
    accept_encoding: list[str], forms: list[Representation]
) -> None:
    assert list(acceptable(asking(*accept_encoding), stored("gzip"))) == forms


def test_what_is_not_coded_has_one_form() -> None:
    assert list(acceptable(asking("gzip"), attributes())) == [PLAIN]


def test_a_coding_that_is_not_known_is_never_named_to_a_client() -> None:
    assert list(acceptable(asking("*"), stored("gzip\r\nX: y"))) == [PLAIN]


def test_each_form_has_its_own_tag_and_digest() -> None:
    assert PLAIN.tag == f'"{CHECKSUM}"'
    assert PLAIN.digest == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    assert CODED.tag != PLAIN.tag
    assert CODED.digest != PLAIN.digest


@given(st.text())
def test_any_header_is_read(text: str) -> None:
    assert all(0.0 <= weight <= 1.0 for weight in weights_of(text).values())
