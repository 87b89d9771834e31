"""Batches, by the Python library and ``artstore put --all-or-none``, on a real system."""

import uuid
from pathlib import Path

import pytest

from artstore.attributes import RetentionPolicy
from artstore.sdk import Client
from artstore.sdk.errors import Conflict, NotFound
from artstore.wire.batches import BatchState

from .test_commands import Run


def test_library(client: Client) -> None:
    batch = client.batches.open(retention_policy=RetentionPolicy.TEMPORARY, expected_bytes=1000)
    documents = [
        client.upload(b"%d" % number, filename=f"{number}.txt", batch=batch.batch_id) for number in range(3)
    ]
    with pytest.raises(NotFound):
        client.info(documents[0].file_id)
    assert client.batches.read(batch.batch_id).documents == 3
    with pytest.raises(Conflict):
        client.batches.commit(batch.batch_id, documents=4)
    assert client.batches.commit(batch.batch_id, documents=3).state is BatchState.COMMITTED
    assert client.batches.commit(batch.batch_id).state is BatchState.COMMITTED
    assert [each for page in client.batches.pages(batch.batch_id) for each in page] == documents
    assert client.info(documents[0].file_id).checksum == documents[0].checksum
    with pytest.raises(Conflict):
        client.batches.abort(batch.batch_id)


def test_given_up(client: Client) -> None:
    batch = client.batches.open()
    document = client.upload(b"a", filename="a.txt", batch=batch.batch_id)
    client.batches.abort(batch.batch_id)
    with pytest.raises(NotFound):
        client.batches.read(batch.batch_id)
    with pytest.raises(NotFound):
        client.info(document.file_id)


def test_command(profile: Path, client: Client, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(str(number), encoding="utf-8")
    stored = Run(profile, "put", "-r", "--all-or-none", "--json", str(tmp_path)).results
    assert len(stored) == 3
    for document in stored:
        client.info(document["file_id"])


def test_command_with_a_file_that_cannot_be_stored(profile: Path, client: Client, tmp_path: Path) -> None:
    word = uuid.uuid4().hex
    (tmp_path / f"{word} good.txt").write_text("good", encoding="utf-8")
    (tmp_path / f"{word} empty.txt").touch()
    failed = Run(profile, "put", "-r", "--all-or-none", str(tmp_path))
    assert failed.code == 1
    assert "none of the 2 files was stored" in failed.errors
    assert list(client.search(word)) == []
