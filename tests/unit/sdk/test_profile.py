"""Where the profile is looked for, and what is said when it is no good."""

import json
from pathlib import Path

import pytest

from artstore.sdk import Profile
from artstore.sdk.errors import BadProfile

MEMBERS = {
    "admin_url": "http://127.0.0.1:1/",
    "ingester_url": "http://127.0.0.1:2",
    "query_url": "http://127.0.0.1:3",
    "client_id": "id",
    "client_secret": "hidden",
    "newer": {"than": "this"},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(MEMBERS), encoding="utf-8")
    return path


def test_read_and_not_shown(file: Path) -> None:
    profile = Profile.load(file)
    assert profile.admin_url == "http://127.0.0.1:1"
    assert profile.client_secret == "hidden"
    assert "hidden" not in repr(profile)


def test_named_by_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTSTORE_PROFILE", str(file))
    assert Profile.load().client_id == "id"


def test_default(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ARTSTORE_PROFILE", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadProfile, match=r"data/profile\.json"):
        Profile.load()
    (tmp_path / "data").mkdir()
    file.rename(tmp_path / "data" / "profile.json")
    assert Profile.load().client_id == "id"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"admin_url": 1}', "\udcff"])
def test_unreadable(file: Path, content: str) -> None:
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadProfile, match="profile"):
        Profile.load(file)


def test_what_is_missing_is_named(file: Path) -> None:
    file.write_text(json.dumps({**MEMBERS, "query_url": ""}), encoding="utf-8")
    with pytest.raises(BadProfile, match="lacks query_url"):
        Profile.load(file)


def test_what_is_no_address_is_named(file: Path) -> None:
    file.write_text(json.dumps({**MEMBERS, "query_url": "127.0.0.1:3"}), encoding="utf-8")
    with pytest.raises(BadProfile, match=r"query_url .* http://"):
        Profile.load(file)
