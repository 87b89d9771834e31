"""``artstore account …`` as a person calls it, on a real system."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from joserfc.jwk import ECKey

from artstore.launcher.settings import SystemSettings
from tests.support.elements import ElementSystem
from tests.support.forking import fork_server
from tests.support.system import lift_rate_limit

from .test_commands import Run

MISSING = "0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a system that has nothing but Admin, which stands for the others in the profile."""
    folder = tmp_path_factory.mktemp("accounts")
    settings = SystemSettings(default_ports={}, elements=(), durable_database=False)
    with ElementSystem(folder / "data", settings, fork_server=fork_server()) as system:
        lift_rate_limit(system)
        url = system.url("admin")
        told = json.loads(system.folder.profile.read_text()) | {"ingester_url": url, "query_url": url}
        profile = folder / "profile.json"
        profile.write_text(json.dumps(told))
        yield profile


@pytest.fixture
def name(profile: Path) -> str:
    """Of a fresh account."""
    name = f"billing-{uuid4().hex[:8]}"
    assert Run(profile, "account", "create", name, "--description", "Счета").code == 0
    return name


def status(profile: Path, name: str) -> str:
    return str(Run(profile, "account", "show", name, "--json").results[0]["status"])


class TestLife:
    def test_suspend_activate_delete_restore(self, profile: Path, name: str) -> None:
        for command, expected in (
            ("suspend", "suspended"),
            ("activate", "active"),
            ("delete", "deleted"),
            ("restore", "active"),
        ):
            assert Run(profile, "account", command, name).code == 0
            assert status(profile, name) == expected

    def test_deleted_ones_are_not_listed(self, profile: Path, name: str) -> None:
        Run(profile, "account", "delete", name)
        assert Run(profile, "account", "list", name, "--json").results == []
        listed = Run(profile, "account", "list", name, "--status", "deleted", "--json").results
        assert [account["name"] for account in listed] == [name]

    def test_accounts_of_the_system_are_left_alone(self, profile: Path) -> None:
        for command in ("suspend", "delete", "rotate-secret"):
            refused = Run(profile, "account", command, "administrator")
            assert refused.code == 7
            assert "administrator" in refused.errors

    def test_by_any_of_its_names(self, profile: Path, name: str) -> None:
        shown = Run(profile, "account", "show", name, "--json").results[0]
        for other in (shown["id"], shown["client_id"]):
            assert Run(profile, "account", "show", other, "--json").results[0]["name"] == name

    @pytest.mark.parametrize("unknown", ["nobody-of-this-name", MISSING, "", "x" * 200])
    def test_unknown(self, profile: Path, unknown: str) -> None:
        assert Run(profile, "account", "show", unknown).code == 4
        assert Run(profile, "account", "delete", unknown).code == 4


class TestSet:
    def test_and_show(self, profile: Path, name: str) -> None:
        told = ("--role", "auditor", "--scope", "files:read", "--rate-limit", "7", "--expires", "2099-01-31")
        assert Run(profile, "account", "set", name, *told).code == 0
        text = Run(profile, "account", "show", name).text
        for line in (
            "role           AUDITOR",
            "scopes         files:read",
            "rate_limit     7 a minute",
            "description    Счета",
            "expires        2099-01-31 00:00",
        ):
            assert line in text
        taken = ("--all-scopes", "--expires", "never", "--description", "")
        changed = Run(profile, "account", "set", name, *taken, "--json").results[0]
        assert "audit:read" in changed["scopes"]
        assert changed.keys().isdisjoint({"expires_at", "description"})

    def test_keys(self, profile: Path, name: str, tmp_path: Path) -> None:
        file = tmp_path / "keys.json"
        keys = [ECKey.generate_key("P-256").as_dict(private=False) | {"kid": f"k{n}"} for n in range(2)]
        file.write_text(json.dumps({"keys": keys}))
        Run(profile, "account", "set", name, "--key", file)
        assert "key            EC k1" in Run(profile, "account", "show", name).text
        assert "EC k1" not in Run(profile, "account", "set", name, "--no-keys").text

    @pytest.mark.parametrize(
        "wrong",
        [
            (),
            ("--role", "king"),
            ("--scope", "x"),
            ("--rate-limit", "0"),
            ("--expires", "soon"),
        ],
    )
    def test_usage(self, profile: Path, name: str, wrong: tuple[str, ...]) -> None:
        assert Run(profile, "account", "set", name, *wrong).code == 2

    def test_refused(self, profile: Path, name: str, tmp_path: Path) -> None:
        assert Run(profile, "account", "set", name, "--expires", "2020-01-31").code == 7
        assert Run(profile, "account", "set", name, "--scope", "audit:read").code == 7
        file = tmp_path / "key.json"
        for content, code in (("no json", 2), ("[]", 2), ('{"kty": "oct", "k": "AA"}', 7)):
            file.write_text(content)
            assert Run(profile, "account", "set", name, "--key", file).code == code


class TestSecrets:
    def test_rotate_and_end(self, profile: Path, name: str) -> None:
        rotated = Run(profile, "account", "rotate-secret", name, "--overlap", "1")
        assert "client_secret  artstore_" in rotated.text
        assert Run(profile, "account", "rotate-secret", name).code == 7
        _, old = Run(profile, "account", "show", name, "--json").results[0]["secrets"]
        assert Run(profile, "account", "end-secret", name, old["id"]).code == 0
        assert Run(profile, "account", "end-secret", name, old["id"]).code == 4
        assert Run(profile, "account", "end-secret", name, "x").code == 4
        assert Run(profile, "account", "rotate-secret", name, "--now", "--json").results[0]["client_secret"]
        assert Run(profile, "account", "rotate-secret", name, "--now", "--overlap", "1").code == 2

    def test_their_end_is_in_the_list(self, profile: Path, name: str) -> None:
        (line,) = Run(profile, "account", "list", name).text.splitlines()
        assert "(in 89 days)" in line
        (line,) = Run(profile, "account", "list", "administrator").text.splitlines()
        assert "\tnever\t" in line


class TestGrants:
    def test_given_listed_and_taken_back(self, profile: Path, name: str) -> None:
        owner = f"{name}-owner"
        Run(profile, "account", "create", owner)
        assert Run(profile, "account", "grant", name, owner).text == f"files:read on documents of {owner}\n"
        assert "files:write" in Run(profile, "account", "grant", name, owner, "--write").text
        (line,) = Run(profile, "account", "grants", name).text.splitlines()
        assert line.startswith(f"{owner}\tfiles:read files:write\t")
        assert f"documents of {owner}" in Run(profile, "account", "show", name).text
        assert Run(profile, "account", "revoke-grant", name, owner).code == 0
        assert Run(profile, "account", "revoke-grant", name, owner).code == 4
        assert Run(profile, "account", "grants", name, "--json").results == []

    def test_trail(self, profile: Path, name: str) -> None:
        Run(profile, "account", "suspend", name)
        actions = [line.split("\t")[1] for line in Run(profile, "account", "trail", name).text.splitlines()]
        assert actions == ["account.suspended", "account.created"]
