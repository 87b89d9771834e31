"""Every command as a program calls it: a process, its output, its exit code."""

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from artstore.launcher.greeting import greeting
from artstore.launcher.settings import SystemSettings
from artstore.launcher.system import System
from artstore.sdk import Client
from tests.support.forking import fork_server
from tests.support.secrecy.observing import heard
from tests.support.system import PATIENCE_SECONDS

from .conftest import launched

T = TypeVar("T")

MISSING = "0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("cli") / "data"
    settings = SystemSettings(default_ports={}, durable_database=False)
    with launched(System(folder, settings, fork_server=fork_server())) as system:
        yield system


@pytest.fixture(scope="module")
def profile(system: System) -> Path:
    return system.folder.profile


class Run:
    """One call of the command."""

    def __init__(
        self, profile: Path | None, *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None
    ) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ARTSTORE_")}
        if profile is not None:
            environment["ARTSTORE_PROFILE"] = str(profile)
        finished = subprocess.run(
            [sys.executable, "-m", "artstore", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=environment,
            cwd=cwd,
            check=False,
            timeout=120,
        )
        self.code = finished.returncode
        self.bytes = finished.stdout
        self.errors = finished.stderr.decode()
        heard("errors", self.errors)
        assert "Traceback" not in self.errors, self.errors

    @property
    def text(self) -> str:
        assert self.code == 0, self.errors
        return self.bytes.decode()

    @property
    def results(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.bytes.decode().splitlines()]


def store(profile: Path, path: Path, *options: str) -> dict[str, Any]:
    run = Run(profile, "put", path, "--json", *options)
    assert run.code == 0, run.errors
    return run.results[0]


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "заметка о печи.txt"
    path.write_text("the kiln is hot\n", encoding="utf-8")
    return path


def wait_for(found: Callable[[], T | None]) -> T:
    """What appears in a while."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (it := found()) is None:
        assert time.monotonic() < until, "it does not appear"
    return it


def found_by(profile: Path, words: str) -> None:
    """Waits until the catalog knows it."""
    with Client(profile) as client:
        wait_for(lambda: list(client.search(words, limit=1)) or None)


class TestPut:
    def test_everything_that_can_be_said(self, profile: Path, note: Path) -> None:
        options = ["--attr", "customer=Алмаз", "--attr", "year:=2025", "--tag", "a", "--tag", "b"]
        document = store(profile, note, *options, "--description", "of the kiln", "--retention", "temporary")
        assert document["original_filename"] == note.name
        assert document["custom_attributes"] == {"customer": "Алмаз", "year": 2025}
        assert document["tags"] == ["a", "b"]
        assert document["description"] == "of the kiln"
        assert document["retention_policy"] == "temporary"
        assert document["checksum"] == hashlib.sha256(note.read_bytes()).hexdigest()

    def test_plain_lines(self, profile: Path, note: Path) -> None:
        (line,) = Run(profile, "put", note).text.splitlines()
        assert line.endswith(note.name)

    def test_a_tag_is_one_whatever_is_in_it(self, profile: Path, note: Path) -> None:
        tags = ["Smith, John", "[draft", *map(str, range(40))]
        document = store(profile, note, *(word for tag in tags for word in ("--tag", tag)))
        assert document["tags"] == tags

    def test_folders_and_what_fails_in_them(self, profile: Path, tmp_path: Path) -> None:
        (tmp_path / "in" / "side").mkdir(parents=True)
        for name in ("one.txt", "side/two.txt", "side/three.txt"):
            (tmp_path / "in" / name).write_text(name, encoding="utf-8")
        (tmp_path / "in" / "empty.txt").touch()
        (tmp_path / "in" / "clears\x1b[2Jthe screen.txt").write_text("x", encoding="utf-8")
        run = Run(profile, "put", "-r", tmp_path / "in", "--json")
        assert {result["original_filename"] for result in run.results} == {"one.txt", "two.txt", "three.txt"}
        assert "empty.txt" in run.errors
        assert "the screen.txt" in run.errors
        assert "\x1b" not in run.errors
        assert run.code == 1

    def test_standard_input(self, profile: Path) -> None:
        run = Run(profile, "put", "-", "--name", "piped.txt", "--json", stdin=b"through a pipe")
        assert run.results[0]["original_filename"] == "piped.txt"
        assert run.results[0]["file_size"] == 14

    @pytest.mark.parametrize(
        "arguments",
        [["put"], ["put", "-"], ["put", ".", "--name", "x"], ["put", "."], ["put", "x", "--attr", "y"]],
        ids=" ".join,
    )
    def test_usage(self, profile: Path, arguments: list[str]) -> None:
        assert Run(profile, *arguments).code == 2

    def test_a_file_that_is_not_there(self, profile: Path, tmp_path: Path) -> None:
        run = Run(profile, "put", tmp_path / "missing")
        assert run.code == 1
        assert "missing" in run.errors

    def test_interrupted(self, profile: Path) -> None:
        environment = {**os.environ, "ARTSTORE_PROFILE": str(profile)}
        command = [sys.executable, "-m", "artstore", "put", "-", "--name", "endless"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as endless:
            assert endless.stdin is not None
            for _ in range(64):  # more than a pipe holds: it is being read, so the upload has begun
                endless.stdin.write(bytes(16384))
            endless.send_signal(signal.SIGINT)
            assert endless.wait(timeout=30) == 130
            assert endless.stderr is not None
            assert endless.stderr.read().endswith(b"interrupted\n")

    def test_what_breaks_a_rule(self, profile: Path, note: Path) -> None:
        run = Run(profile, "put", note, "--attr", "long=" + "x" * 5000)
        assert run.code == 7
        assert "4096" in run.errors


NO_UTF8 = "\udcff"
"""As Python has the byte 0xFF of a command line."""


class TestWordsThatAreNoUnicode:
    def test_a_name(self, profile: Path, note: Path) -> None:
        assert store(profile, note, "--name", f"a{NO_UTF8}.txt")["original_filename"] == "a?.txt"

    @pytest.mark.parametrize("option", ["--description=", "--attr=a=", '--attr=a:="x', "--tag="])
    def test_an_attribute(self, profile: Path, note: Path, option: str) -> None:
        quote = '"' if ":=" in option else ""
        assert Run(profile, "put", note, option + NO_UTF8 + quote).code == 7

    def test_elsewhere(self, profile: Path) -> None:
        assert Run(profile, "search", f"elephants{NO_UTF8}").code == 4
        assert Run(profile, "info", NO_UTF8).code == 4
        assert Run(profile, "account", "create", f"a{NO_UTF8}").code == 7


class TestGet:
    def test_into_the_current_folder(self, profile: Path, note: Path, tmp_path: Path) -> None:
        file_id = store(profile, note)["file_id"]
        folder = tmp_path / "here"
        folder.mkdir()
        assert Run(profile, "get", file_id, cwd=folder).text == f"{note.name}\n"
        assert (folder / note.name).read_bytes() == note.read_bytes()

    def test_into_a_file_and_to_standard_output(self, profile: Path, note: Path, tmp_path: Path) -> None:
        file_id = store(profile, note)["file_id"]
        run = Run(profile, "get", file_id, "-o", tmp_path / "copy", "--json")
        assert run.results[0]["path"] == str(tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == note.read_bytes()
        assert Run(profile, "get", file_id, "-o", "-").bytes == note.read_bytes()

    def test_goes_on_from_a_partial_file(self, profile: Path, tmp_path: Path) -> None:
        source = tmp_path / "large.bin"
        source.write_bytes(os.urandom(3_000_000))
        file_id = store(profile, source)["file_id"]
        (tmp_path / "copy").write_bytes(source.read_bytes()[:1_234_567])
        assert Run(profile, "get", file_id, "-o", tmp_path / "copy").code == 0
        assert (tmp_path / "copy").read_bytes() == source.read_bytes()

    def test_unknown(self, profile: Path) -> None:
        assert Run(profile, "get", MISSING).code == 4


class TestSearchAndInfo:
    def test_found(self, profile: Path, note: Path) -> None:
        file_id = store(profile, note, "--tag", "findable")["file_id"]
        found_by(profile, "печи findable")
        assert file_id in Run(profile, "search", "печи", "findable").text
        assert [hit["file_id"] for hit in Run(profile, "search", "findable", "--json").results] == [file_id]

    def test_nothing_found(self, profile: Path) -> None:
        run = Run(profile, "search", "elephants")
        assert (run.code, run.bytes) == (4, b"")

    def test_all_that_can_be_asked(self, profile: Path, note: Path) -> None:
        marked = ["--tag", "askable", "--attr", "pages:=12", "--attr", "customer=Almaz <b>"]
        one = store(profile, note, "--name", "askable one.txt", *marked)["file_id"]
        store(profile, note, "--name", "askable two draft.pdf", *marked)
        found_by(profile, "askable one")
        found_by(profile, "askable two")

        def found(*arguments: str) -> list[str]:
            return [hit["original_filename"] for hit in Run(profile, "search", *arguments, "--json").results]

        assert found("askable", "-draft", '-"two draft"') == ["askable one.txt"]
        assert found("askable", "--sort", "-name", "--limit", "1") == ["askable two draft.pdf"]
        assert "there are more" in Run(profile, "search", "askable", "--limit", "1").errors
        assert "there are more" not in Run(profile, "search", "askable", "--limit", "2").errors
        filters = ["--tag", "askable", "--extension", "pdf", "--size-min", "1", "--attribute", "pages>=12"]
        assert found("askabl", "--mode", "partial", *filters) == ["askable two draft.pdf"]
        assert found("askable", "--attribute", "pages>=13") == []

        asked = ["search", "askable", "--total", "--facet", "extension"]
        *_, last = Run(profile, *asked, "--json").results
        assert last["total"] == {"value": 2, "exact": True}
        assert {one["value"] for one in last["facets"]["extension"]["values"]} == {"txt", "pdf"}
        told = Run(profile, *asked)
        assert "2 documents" in told.errors
        assert "extension: pdf 1, txt 1" in told.errors
        assert len(told.text.splitlines()) == 2

        corrected = Run(profile, "search", "askalbe", "--corrections", "--extension", "txt")
        assert one in corrected.text
        assert "this is of: askable" in corrected.errors

        (hit,) = Run(profile, "search", "askable", "almaz", "one", "--highlight", "--json").results
        texts = {
            ".".join(each["path"][:2] if each["path"][0] != "tags" else ["tags"]): each["parts"]
            for each in hit["highlights"]
        }
        assert texts["custom_attributes.customer"] == [
            {"text": "Almaz", "match": True},
            {"text": " <b>", "match": False},
        ]
        line = Run(profile, "search", "almaz", "one", "--highlight").text
        assert "customer: Almaz <b>" in line

    def test_wrong_options_are_said(self, profile: Path) -> None:
        assert Run(profile, "search", "--tga", "x").code == 2
        run = Run(profile, "search", "x", "--attribute", "==")
        assert run.code == 7
        assert "'attribute' cannot be accepted" in run.errors

    def test_export(self, profile: Path, note: Path, tmp_path: Path) -> None:
        file_id = store(profile, note, "--tag", "exported")["file_id"]
        found_by(profile, "exported")
        file = tmp_path / "found.jsonl"
        run = Run(profile, "export", "exported", "-draft", "--format", "jsonl", "-o", file)
        assert run.text == ""
        assert [json.loads(line)["file_id"] for line in file.read_text().splitlines()] == [file_id]
        head, row = csv.reader(Run(profile, "export", "--tag", "exported").text.splitlines())
        assert dict(zip(head, row, strict=True))["file_id"] == file_id
        assert Run(profile, "export", "-o", tmp_path).code == 1

    def test_suggest(self, profile: Path, note: Path) -> None:
        store(profile, note, "--tag", "suggestible")
        found_by(profile, "suggestible")
        assert Run(profile, "suggest", "sugg", "--kinds", "tag").text == "tag\tsuggestible\n"
        assert Run(profile, "suggest", "sugg", "--json").results == [{"kind": "tag", "text": "suggestible"}]
        assert Run(profile, "suggest", "elephants").code == 4

    def test_info(self, profile: Path, note: Path) -> None:
        document = store(profile, note)
        assert note.name in Run(profile, "info", document["file_id"]).text
        shown = Run(profile, "info", document["file_id"], "--json").results[0]
        assert shown["checksum"] == document["checksum"]
        assert Run(profile, "info", MISSING).code == 4


class TestVersions:
    def test_stored_and_listed(self, profile: Path, note: Path) -> None:
        first = store(profile, note)
        second = store(profile, note, "--replaces", first["file_id"], "--version", "second")
        assert second["document_id"] == second["previous_version_id"] == first["file_id"]
        [newest, *_] = Run(profile, "versions", second["file_id"], "--json", "--limit", "1").results
        assert (newest["file_id"], newest["version"]) == (second["file_id"], "second")
        [line, *_] = Run(profile, "versions", second["file_id"]).text.splitlines()
        assert line.split("\t")[0] == second["file_id"]
        assert "second" in line

    def test_of_nobody(self, profile: Path, note: Path) -> None:
        assert Run(profile, "put", note, "--replaces", MISSING).code == 4
        assert Run(profile, "versions", MISSING).code == 4

    def test_for_one_file(self, profile: Path, note: Path) -> None:
        assert Run(profile, "put", note, note, "--replaces", MISSING).code == 2


class TestAccess:
    def test_accounts(self, profile: Path, tmp_path: Path, note: Path) -> None:
        created = Run(profile, "account", "create", "reader", "--role", "readonly", "--json").results[0]
        assert created["role"] == "READONLY"
        assert Run(profile, "account", "create", "reader").code == 7
        assert "name" in Run(profile, "account", "create", "").errors
        listed = Run(profile, "account", "list", "--json").results
        assert "reader" in {account["name"] for account in listed}
        assert all("client_secret" not in account for account in listed)
        members = json.loads(profile.read_text(encoding="utf-8"))
        reader = tmp_path / "reader.json"
        own = {"client_id": created["client_id"], "client_secret": created["client_secret"]}
        reader.write_text(json.dumps(members | own), encoding="utf-8")
        assert Run(None, "put", note, "--profile", reader).code == 5
        reader.write_text(json.dumps(members | {"client_secret": "wrong" * 8}), encoding="utf-8")
        assert Run(None, "elements", "--profile", reader).code == 5

    def test_no_profile(self, tmp_path: Path) -> None:
        run = Run(None, "elements", cwd=tmp_path)
        assert run.code == 2
        assert "artstore up" in run.errors

    def test_nobody_there(self, profile: Path, tmp_path: Path) -> None:
        members = json.loads(profile.read_text(encoding="utf-8"))
        away = tmp_path / "away.json"
        away.write_text(json.dumps(members | {"admin_url": "http://127.0.0.1:9"}), encoding="utf-8")
        assert Run(away, "elements").code == 6


def test_the_commands_of_the_greeting_can_be_pasted(system: System, tmp_path: Path) -> None:
    text = greeting(system, 1.0)
    commands = text[text.index("TOKEN=") : text.index("\nOr: ")]
    subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "copy.txt").read_text(encoding="utf-8") == "my first document\n"
    [short] = [line.removeprefix("Or: ") for line in text.splitlines() if line.startswith("Or: ")]
    found = subprocess.run(
        ["sh", "-ec", short], cwd=tmp_path, check=True, timeout=120, capture_output=True, text=True
    )
    assert found.stdout.count("first.txt") > 1


class TestAdministrators:
    """By the settings of Admin, whether it runs or not."""

    def user(self, system: System, *arguments: str, stdin: bytes = b"") -> Run:
        return Run(None, "admin", "user", *arguments, "--data", str(system.folder.path), stdin=stdin)

    def log_in(self, system: System, username: str, password: str) -> int:
        body = {"username": username, "password": password}
        url = f"{system.url('admin')}/api/v1/admin-auth/login"
        return httpx.post(url, json=body, timeout=30).status_code

    def test_the_first_is_there(self, system: System) -> None:
        [first] = self.user(system, "list", "--json").results
        assert (first["username"], first["role"]) == ("admin", "SUPER_ADMIN")
        file = system.folder.initial_admin_password
        assert file.stat().st_mode & 0o777 == 0o600
        assert self.log_in(system, "admin", file.read_text().strip()) == 200
        assert str(file) in greeting(system, 1.0)
        assert file.read_text().strip() not in greeting(system, 1.0)

    def test_made_with_a_one_time_code(self, system: System) -> None:
        run = self.user(system, "create", "Ada", "--role", "admin", "--full-name", "Ada Lovelace", "--json")
        [made] = run.results
        assert (made["username"], made["role"], made["full_name"]) == ("ada", "ADMIN", "Ada Lovelace")
        body = {"username": "ada", "code": made["reset_code"], "new_password": "quiet-otter-lends-ladders"}
        url = f"{system.url('admin')}/api/v1/admin-auth/password/reset"
        assert httpx.post(url, json=body, timeout=30).status_code == 204
        assert self.log_in(system, "ada", "quiet-otter-lends-ladders") == 200
        assert "ada\tADMIN\tactive" in self.user(system, "list").text
        again = self.user(system, "reset-password", "ada", "--remove-second-factor")
        assert re.search(r"^one-time code  ([A-Z2-7]{4}-){3}[A-Z2-7]{4}$", again.text, re.MULTILINE)
        assert self.log_in(system, "ada", "quiet-otter-lends-ladders") == 401

    def test_made_with_a_password(self, system: System) -> None:
        options = ["create", "grace", "--password-stdin"]
        weak = self.user(system, *options, stdin=b"administrator\n")
        assert weak.code == 7
        assert "administrator" not in weak.errors
        assert "code" not in self.user(system, *options, stdin="чайник поёт в полночь\n".encode()).text
        assert self.log_in(system, "grace", "чайник поёт в полночь") == 200
        assert self.user(system, *options, stdin=b"quiet-otter-lends-ladders\n").code == 7

    def test_unlocked(self, system: System) -> None:
        password = system.folder.initial_admin_password.read_text().strip()
        for _ in range(5):
            assert self.log_in(system, "admin", "not this one, never") == 401
        assert self.log_in(system, "admin", password) == 401
        assert "locked until" in self.user(system, "list").text
        assert self.user(system, "unlock", "admin").code == 0
        assert self.log_in(system, "admin", password) == 200

    def test_nobody(self, system: System) -> None:
        for command in ("unlock", "reset-password"):
            assert self.user(system, command, "nobody").code == 4
        assert self.user(system, "create", "no blanks").code == 7

    def test_without_settings(self, tmp_path: Path) -> None:
        run = Run(None, "admin", "user", "list")
        assert run.code == 2
        assert "ARTSTORE_ADMIN_DATABASE_URL" in run.errors
        assert Run(None, "admin", "user", "list", "--data", tmp_path).code == 2

    def test_while_the_database_is_away(self, tmp_path: Path) -> None:
        secrets = tmp_path / "secrets" / "admin"
        secrets.mkdir(parents=True)
        (secrets / "artstore_admin_database_url").write_text("postgresql+psycopg://nobody@127.0.0.1:9/none")
        assert Run(None, "admin", "user", "list", "--data", tmp_path).code == 6


class TestElements:
    def test_listed(self, profile: Path) -> None:
        listed = {element["element_id"]: element for element in Run(profile, "elements", "--json").results}
        assert listed["edit-01"]["mode"] == "edit"
        assert listed["rw-01"]["health"] == "ok"
        assert "rw-01\trw" in Run(profile, "elements").text
        assert f"\t{listed['rw-01']['capacity_status']}\t" in Run(profile, "elements").text

    def test_decided_about(self, profile: Path) -> None:
        told = Run(profile, "elements", "set", "edit-01", "--priority", "7", "--label", "site=north").text
        assert "priority        7\n" in told
        assert "labels          site=north\n" in told
        set_ = ("elements", "set", "edit-01")
        run = Run(profile, *set_, "--limit-bytes", "5000", "--retention-until", "2046-12-31", "--json")
        decided = run.results[0]["registration"]
        assert (decided["limit_bytes"], decided["retention_until"]) == (5000, "2046-12-31T00:00:00Z")
        text = Run(profile, *set_, "--limit-bytes", "none", "--retention-until", "none").text
        assert "keep until      open\n" in text
        assert Run(profile, *set_).code == 2
        assert Run(profile, *set_, "--label", "north").code == 2
        assert Run(profile, *set_, "--limit-bytes", "much").code == 7
        assert Run(profile, "elements", "drain", "edit-99").code == 4

    def test_drained_and_back(self, profile: Path) -> None:
        assert "state           draining\n" in Run(profile, "elements", "drain", "edit-01").text
        assert Run(profile, "elements", "drain", "edit-01").code == 0
        assert "draining" in Run(profile, "elements").text
        assert Run(profile, "elements", "drain", "edit-01", "--to", "rw-01").code == 7
        assert "state           active\n" in Run(profile, "elements", "activate", "edit-01").text
        assert Run(profile, "elements", "retire", "edit-01").code == 7
        [statistics] = Run(profile, "elements", "statistics", "--json").results
        assert statistics["by_state"]["active"] == statistics["total"]["elements"] == 2
        assert Run(profile, "elements", "statistics").text.splitlines()[-1].startswith("all\t2\t")

    def test_registered(self, system: System, profile: Path) -> None:
        run = Run(profile, "elements", "register", system.url("rw-01"), "--json")
        assert run.results[0]["element_id"] == "rw-01"
        assert Run(profile, "elements", "register", system.url("query")).code == 7
        assert Run(profile, "elements", "register", "http://127.0.0.1:9").code == 6

    def test_verify(self, system: System, profile: Path, note: Path) -> None:
        store(profile, note)
        root = system.folder.element_root("rw-01")
        assert Run(None, "verify", root).code == 3
        system.parts["rw-01"].stop()
        try:
            run = Run(None, "verify", root, "--json")
            assert run.code == 0
            assert run.results[0]["clean"] is True
            assert run.results[0]["documents"] > 0
            stray = root / "files" / "stray.txt"
            stray.touch()
            run = Run(None, "verify", root)
            assert run.code == 1
            assert b"stray.txt" in run.bytes
            stray.unlink()
        finally:
            system.parts["rw-01"].start()


class TestKeys:
    def test_rotated_and_revoked(self, profile: Path) -> None:
        [first] = Run(profile, "key", "list", "--json").results
        new = Run(profile, "key", "rotate", "--json").results[0]["kid"]
        assert new in Run(profile, "key", "rotate").text
        states = {key["kid"]: key["state"] for key in Run(profile, "key", "list", "--json").results}
        assert states.keys() == {first["kid"], new}
        assert new in Run(profile, "key", "revoke", new).text
        assert "revoked" in Run(profile, "key", "list").text
        assert Run(profile, "key", "revoke", "nothing").code == 4

    @pytest.mark.parametrize("options", [[], ["--json"]], ids=["", "json"])
    def test_an_id_may_look_like_options(self, profile: Path, options: list[str]) -> None:
        kid = "-" + "h" * 42
        for arguments in ([kid, *options], [*options, kid], [*options, "--", kid]):
            assert Run(profile, "key", "revoke", *arguments).code == 4, arguments
        assert Run(profile, "key", "revoke", *options).code == 2
        assert Run(profile, "key", "revoke", kid, kid, *options).code == 2


class TestRebuild:
    def test_says_what_it_did(self, profile: Path, note: Path) -> None:
        store(profile, note)
        assert "documents indexed" in Run(profile, "storage", "rebuild", "rw-01").text
        (report,) = Run(profile, "storage", "rebuild", "rw-01", "--json").results
        assert (report["element_id"], report["complete"]) == ("rw-01", True)
        assert report["rebuild"]["documents"] == report["documents"] >= 1
        assert report["rebuild"]["finished_at"]

    def test_without_waiting(self, profile: Path) -> None:
        (report,) = Run(profile, "storage", "rebuild", "rw-01", "--no-wait", "--json").results
        assert report["rebuild"]["reason"] == "it was asked for"

    def test_of_the_catalog(self, profile: Path, note: Path) -> None:
        store(profile, note)
        assert "documents in the catalog" in Run(profile, "query", "rebuild").text
        (report,) = Run(profile, "query", "rebuild", "--json").results
        assert report["status"] == "ready"
        assert report["rebuild"]["finished_at"]
        assert report["rebuild"]["kept"] == []
        assert report["documents"] == sum(element["documents"] for element in report["elements"]) >= 1

    def test_an_unknown_element(self, profile: Path) -> None:
        run = Run(profile, "storage", "rebuild", "rw-99")
        assert run.code == 4
        assert "artstore elements" in run.errors


class TestScrub:
    def test_a_sound_element(self, profile: Path, note: Path) -> None:
        store(profile, note)
        assert Run(profile, "storage", "scrub", "rw-01").text.endswith(": sound\n")
        (report,) = Run(profile, "storage", "scrub", "rw-01", "--json").results
        assert (report["element_id"], report["status"], report["open_findings"]) == ("rw-01", "idle", 0)
        assert report["last"]["documents"] >= 1
        assert report["findings"] == []
        (again,) = Run(profile, "storage", "scrub", "rw-01", "--status", "--json").results
        assert again["last"] == report["last"]

    def test_damage_is_told_and_is_the_exit_code(self, system: System, profile: Path, tmp_path: Path) -> None:
        large = tmp_path / "large.bin"
        large.write_bytes(os.urandom(200_000))
        document = store(profile, large)
        found = f"*{document['file_id']}.bin"
        path = wait_for(lambda: next(system.folder.element_root("rw-01").rglob(found), None))
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        try:
            run = Run(profile, "storage", "scrub", "rw-01")
            assert run.code == 1
            text = run.bytes.decode()
            assert f"D003 error  {path.relative_to(system.folder.element_root('rw-01'))}\n" in text
            assert text.endswith("1 findings are open\n")
            # Elements announce what has changed, which takes a moment to get around.
            wait_for(lambda: "degraded, 1 finding" in Run(profile, "elements").text or None)
            status = Run(profile, "storage", "scrub", "rw-01", "--status", "--json")
            assert (status.code, [item["code"] for item in status.results[0]["findings"]]) == (1, ["D003"])
        finally:
            path.write_bytes(whole)
        assert Run(profile, "storage", "scrub", "rw-01", "--restart").code == 0

    def test_without_waiting_and_paused(self, profile: Path) -> None:
        (report,) = Run(profile, "storage", "scrub", "rw-01", "--no-wait", "--json").results
        assert report["current"]["number"] >= 1
        run = Run(profile, "storage", "scrub", "rw-01", "--pause", "--json")
        assert (run.code, run.results[0]["status"]) == (0, "paused")
        assert Run(profile, "storage", "scrub", "rw-01").text.endswith(": sound\n")

    def test_what_cannot_be_asked(self, profile: Path) -> None:
        run = Run(profile, "storage", "scrub", "rw-99")
        assert run.code == 4
        assert "artstore elements" in run.errors
        assert Run(profile, "storage", "scrub", "rw-01", "--pause", "--restart").code == 2
