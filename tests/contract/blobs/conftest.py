"""Every kind of storage that an element can have. A new one joins with a fixture and its name in ``KINDS``."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from artstore.engine.blobs import Blobs, LocalBlobs
from artstore.engine.blobs.s3 import S3Blobs
from tests.support.swift import Swift

KINDS = ["local", "s3"]


@pytest.fixture(params=KINDS)
def blobs(request: pytest.FixtureRequest) -> Iterator[Blobs]:
    """Storage of each kind in turn, empty."""
    made: Blobs = request.getfixturevalue(f"{request.param}_blobs")
    yield made
    made.close()


@pytest.fixture
def local_blobs(tmp_path: Path) -> Blobs:
    root = tmp_path / "root"
    root.mkdir()
    return LocalBlobs(root)


@pytest.fixture(scope="session")
def bucket(swift: Swift) -> str:
    return swift.make_bucket("contract")


@pytest.fixture
def s3_blobs(swift: Swift, bucket: str) -> Blobs:
    return S3Blobs(swift.options(bucket, prefix=f"elements/{secrets.token_hex(4)} Архив #1"))


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder
