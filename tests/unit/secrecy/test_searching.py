"""The search for secrets finds what is there, and would fail a run."""

import base64
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.secrecy import meeting
from tests.support.secrecy.ledger import Ledger
from tests.support.secrecy.plugin import findings
from tests.support.secrecy.searching import Searcher

ROOT = Path(__file__).parents[3]
SECRET = "Rk3vT-9_aQx7Lm2PzW5yBn8c"
PASSWORD = 'über "quiet" otter & \\ ladder'
TOKEN = ".".join(
    base64.urlsafe_b64encode(text).decode().rstrip("=")
    for text in (b'{"alg":"RS256","kid":"1"}', b'{"sub":"somebody"}', b"no signature at all, but as long")
)


@pytest.fixture
def apart() -> Iterator[Path]:
    """A folder where the search of this run itself does not come."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder).resolve()


def found(folder: Path, text: str | bytes, **noted: str) -> list[tuple[int, str]]:
    log = folder / "a.log"
    log.write_bytes(text if isinstance(text, bytes) else text.encode())
    ledger = Ledger()
    for kind, value in noted.items():
        ledger.add(kind, value)
    return [(finding.line, finding.kind) for finding in Searcher(ledger.kinds).search(log)]


class TestSearch:
    @pytest.mark.parametrize(
        "text",
        [
            "{}",
            "client_secret={}",
            "x{}y",
            "postgresql://artstore:{}@/artstore",
            "a-{}-b_{}",
            "\0\xff{}",
            '"{}"',
        ],
    )
    def test_wherever_it_stands(self, apart: Path, text: str) -> None:
        lines = "first\nsecond\n" + text.replace("{}", SECRET) + "\nlast\n"
        assert (3, "secret") in found(apart, lines, secret=SECRET)

    @pytest.mark.parametrize("written", [PASSWORD, json.dumps(PASSWORD), quote(PASSWORD), repr(PASSWORD)])
    def test_however_it_is_written(self, apart: Path, written: str) -> None:
        assert found(apart, f"1\nsent {written} away", password=PASSWORD) == [(2, "password")]

    def test_every_line(self, apart: Path) -> None:
        text = f"{SECRET}\nnothing\n{PASSWORD}{SECRET}\n{SECRET}"
        told = found(apart, text, secret=SECRET, password=PASSWORD)
        assert told == [(1, "secret"), (3, "password"), (3, "secret"), (4, "secret")]

    @pytest.mark.parametrize(
        "text", ["", SECRET[:-1], SECRET.lower(), SECRET[:12] + "x" + SECRET[12:], "eyJ.eyJ"]
    )
    def test_nothing_else(self, apart: Path, text: str) -> None:
        assert found(apart, text, secret=SECRET) == []

    def test_one_of_many(self, apart: Path) -> None:
        many = {secrets.token_urlsafe(32): "secret" for _ in range(5000)}
        log = apart / "a.log"
        log.write_text("\n".join(f"{secrets.token_urlsafe(32)} {number}" for number in range(5000)))
        assert Searcher(many).search(log) == []
        with log.open("a") as stream:
            stream.write(f"\n{list(many)[2500]}")
        assert [finding.line for finding in Searcher(many).search(log)] == [5001]

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            (f"sent {TOKEN} away", "a signed token"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "a private key"),
            ("at redis://:hunter2@127.0.0.1/0", "a password in an address"),
            ("'Authorization': 'Basic YWxhZGRpbjpvcGVuc2VzYW1l'", "credentials of a header"),
            ('{"code": "123456"}', "a one-time code"),
        ],
    )
    def test_by_its_looks(self, apart: Path, text: str, kind: str) -> None:
        assert found(apart, text) == [(1, kind)]

    @pytest.mark.parametrize(
        "text",
        ["redis://:[removed]@127.0.0.1", "http://127.0.0.1:8000/a@b", '{"status_code": 123456, "code": 200}'],
    )
    def test_what_only_looks_alike(self, apart: Path, text: str) -> None:
        assert found(apart, text) == []


class TestMeeting:
    def test_headers(self) -> None:
        ledger = Ledger()
        basic = base64.b64encode(f"client:{SECRET}".encode()).decode()
        meeting.in_header(ledger, "authorization", f"Basic {basic}")
        meeting.in_header(ledger, "Authorization", f"Bearer {TOKEN}")
        meeting.in_header(ledger, "Set-Cookie", f"artstore-refresh={SECRET[::-1]}; HttpOnly")
        meeting.in_header(ledger, "Authorization", "Basic %%%")
        assert set(ledger.kinds) == {SECRET, basic.rstrip("="), TOKEN.rpartition(".")[2], SECRET[::-1]}

    def test_bodies(self) -> None:
        ledger = Ledger()
        meeting.in_body(
            ledger, "application/x-www-form-urlencoded", f"client_secret={SECRET}&scope=a".encode()
        )
        meeting.in_body(
            ledger, "application/json", json.dumps({"recovery_codes": ["K7QD-AAAA-BBBB"]}).encode()
        )
        meeting.in_body(
            ledger, "application/json", json.dumps([{"password": PASSWORD, "name": "a" * 20}]).encode()
        )
        meeting.in_body(ledger, "application/json", b"{")
        assert set(ledger.kinds) == {SECRET, "K7QD-AAAA-BBBB", PASSWORD}

    def test_environment(self) -> None:
        ledger = Ledger()
        told = {
            "ARTSTORE_ADMIN_DATABASE_URL": f"postgresql+psycopg://artstore:{SECRET}@/a?host=%2Ftmp",
            "ARTSTORE_ADMIN_KEY_PASSPHRASE": PASSWORD,
            "ARTSTORE_STORAGE_S3_SECRET_ACCESS_KEY": SECRET[::-1],
            "ARTSTORE_ADMIN_INITIAL_SECRET_FILE": "/run/secrets/initial",
            "ARTSTORE_ADMIN_SECRET_DAYS": "9000000000000",
            "ARTSTORE_ADMIN_INITIAL_ADMIN_PASSWORD": "administrator",
        }
        meeting.in_environment(ledger, told)
        assert set(ledger.kinds) == {SECRET, PASSWORD, SECRET[::-1]}

    def test_files_of_a_system(self, apart: Path) -> None:
        (apart / "data" / "secrets").mkdir(parents=True)
        (apart / "data" / "secrets" / "key-passphrase").write_text(SECRET + "\n")
        (apart / "data" / "profile.json").write_text(json.dumps({"client_secret": SECRET[::-1]}))
        (apart / "data" / "logs").mkdir()
        (apart / "data" / "logs" / "admin.log").write_text(f"\n{SECRET}\n{SECRET[::-1]}")
        told = [(finding.line, finding.kind) for finding in findings(Ledger(), apart)]
        assert told == [(2, "the passphrase of the keys"), (3, "a client secret")]


LEAKING = f"""
import subprocess, sys, httpx
from pathlib import Path

def test_that_tells(tmp_path):
    environment = {{"ARTSTORE_ADMIN_INITIAL_CLIENT_SECRET": "{SECRET}"}}
    subprocess.run([sys.executable, "-c", "", "{SECRET}"], env=environment, check=True)
    (tmp_path / "service.log").write_text("{SECRET}")
    transport = httpx.MockTransport(lambda request: httpx.Response(422, text="not " + request.content.decode()))
    httpx.Client(transport=transport).post("http://admin/", data={{"password": "{SECRET[::-1]}"}})
    print("{SECRET}")

def test_after():
    pass
"""


def test_a_run_that_tells_a_secret_fails(apart: Path) -> None:
    """A whole run of its own, with the fixture that watches over this one."""
    test = apart / "test_leaking.py"
    test.write_text(LEAKING)
    plugin = ("-p", "tests.support.secrecy.plugin", "-p", "no:cacheprovider", "-p", "no:xdist")
    options = (f"--basetemp={apart / 'run'}", f"--rootdir={apart}", "-c", os.devnull)
    command = [sys.executable, "-m", "pytest", *plugin, *options, str(test)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 1, run.stdout
    for place in ("arguments.txt:1", "answers.txt:2", "service.log:1", "output.txt:2"):
        assert place in run.stdout
    assert SECRET not in run.stdout.partition("stand where none may")[2]
    assert "2 passed, 1 error" in run.stdout
