"""``artstore extend|hold|release`` and the same in the Python library, on a real system."""

from datetime import timedelta
from pathlib import Path

import pytest

from artstore.attributes import RetentionPolicy
from artstore.cli import exits
from artstore.sdk import Client
from artstore.sdk.errors import Conflict, NotFound, Rejected
from artstore.wire.documents import Document
from artstore.wire.problems import ProblemType

from .conftest import eventually
from .test_commands import Run


@pytest.fixture
def temporary(client: Client) -> Document:
    return client.upload(b"content", filename="a.txt", retention_policy=RetentionPolicy.TEMPORARY, ttl_days=2)


def lives_for(document: Document) -> timedelta:
    assert document.expires_at is not None
    return document.expires_at - document.created_at


def test_the_library(client: Client, temporary: Document) -> None:
    assert lives_for(temporary) == timedelta(days=2)
    assert lives_for(client.extend(temporary.file_id, 10)) >= timedelta(days=10)
    with pytest.raises(Conflict):
        client.extend(temporary.file_id, 1)
    held = client.hold(temporary.file_id, "case 12/26")
    assert held.legal_hold is not None
    assert held.legal_hold.reason == "case 12/26"
    eventually(lambda: client.info(temporary.file_id).legal_hold == held.legal_hold, "the hold is not shown")
    with pytest.raises(Conflict) as refused:
        client.delete(temporary.file_id)
    assert refused.value.kind is ProblemType.LEGAL_HOLD
    client.release(temporary.file_id)
    client.release(temporary.file_id)
    client.delete(temporary.file_id)
    with pytest.raises(NotFound):
        client.extend(temporary.file_id, 10)
    with pytest.raises(NotFound):
        client.hold(temporary.file_id, "x")
    with pytest.raises(Rejected):
        client.upload(b"content", filename="a.txt", ttl_days=2)


def test_the_commands(profile: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    stored = Run(
        profile, "put", str(tmp_path / "a.txt"), "--retention", "temporary", "--ttl-days", "3", "--json"
    )
    (document,) = stored.results
    file_id = document["file_id"]
    assert lives_for(Document.model_validate(document)) == timedelta(days=3)
    (extended,) = Run(profile, "extend", file_id, "--ttl-days", "9", "--json").results
    assert extended["expires_at"] > document["expires_at"]
    assert "kept until" in Run(profile, "extend", file_id, "--ttl-days", "10").text
    assert Run(profile, "extend", file_id, "--ttl-days", "1").code == exits.REJECTED
    assert "held" in Run(profile, "hold", file_id, "--reason", "case").text
    (held,) = Run(profile, "hold", file_id, "--reason", "case", "--json").results
    assert held["legal_hold"]["reason"] == "case"
    assert Run(profile, "hold", file_id, "--reason", "other").code == exits.REJECTED
    assert file_id in Run(profile, "release", file_id).text
    assert Run(profile, "release", "01936a2f-0000-7000-8000-000000000001").code == exits.NOT_FOUND
