"""A running system, and accounts that use it over HTTP as applications do."""

import asyncio
import base64
import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
from joserfc import jwt
from joserfc.jwk import RSAKey

from artstore.engine.batches import JOURNAL_SUFFIX, parse_journal
from artstore.engine.verify import Report, verify
from artstore.launcher.postgres import EmbeddedPostgres
from artstore.launcher.private import secret
from artstore.launcher.settings import SystemSettings
from artstore.launcher.system import System
from tests.support import processes
from tests.support.forking import fork_server

PATIENCE_SECONDS = 60.0
"""For what takes a second or two. Longer than one request may take, so that one that hangs is told of as such."""
BOUNDARY = "frontier"


def lift_rate_limit(system: System) -> None:
    """For the initial account, which makes those of all tests and takes a token for each command."""
    with _database(system) as connection:
        connection.execute("UPDATE admin.service_accounts SET rate_limit = 1000000 WHERE role = 'ADMIN'")


def _database(system: System) -> psycopg.Connection[tuple[Any, ...]]:
    postgres = system.parts["postgres"].part
    assert isinstance(postgres, EmbeddedPostgres)
    return psycopg.connect(postgres.url("artstore", driver="postgresql"))


class RunningSystem:
    """The whole system in a folder of its own, on free ports; ``make`` may give one of fewer parts."""

    def __init__(
        self,
        folder: Path,
        settings: SystemSettings,
        *,
        make: type[System] = System,
    ) -> None:
        self.folder = folder
        self._settings = settings
        self._system = make(folder, settings, fork_server=fork_server())
        self._accounts: list[Account] = []
        self._checked: dict[str, Tree] = {}

    def launch(self) -> None:
        self._system.start()
        self._wait_until_well()
        if "admin" in self._system.parts:
            lift_rate_limit(self._system)

    def _wait_until_well(self) -> None:
        """Until nothing is said to be away that was only not there yet: elements for those who call them, and
        what follows an element. An index that is first opened after a restart would be built from the files.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        for name in self._system.service_names:
            down = {"not asked"}
            while down:
                assert time.monotonic() < deadline, f"of {name} there are away: {down}"
                health = httpx.get(f"{self._system.url(name)}/health/ready", verify=False, timeout=30)
                told = health.json()["dependencies"]
                down = {part for part in ("elements", "index", "events") if _is_down(told, part)}
                if down:
                    time.sleep(0.02)

    def for_a_while(self) -> Iterator[Self]:
        """As a fixture has it: launched, shut down, and its elements verified where all went well."""
        self.launch()
        try:
            yield self
        finally:
            self.shut_down()
        self.check_elements()

    def shut_down(self) -> None:
        self._system.stop()

    @property
    def admin_url(self) -> str:
        return self._system.url("admin")

    @property
    def ingester_url(self) -> str:
        return self._system.url("ingester")

    @property
    def query_url(self) -> str:
        return self._system.url("query")

    @property
    def element_urls(self) -> dict[str, str]:
        return {
            element.element_id: self._system.url(element.element_id) for element in self._settings.elements
        }

    def root(self, element_id: str) -> Path:
        return self._system.folder.element_root(element_id)

    def log(self, name: str) -> str:
        """What a part has logged so far."""
        return self._system.folder.log(name).read_text(encoding="utf-8")

    def pid(self, name: str) -> int:
        pid = self._system.parts[name].pid
        assert pid is not None, f"{name} does not run"
        return pid

    def running_pid(self, name: str) -> int | None:
        return self._system.parts[name].pid

    def part(self, name: str) -> object:
        """The process called ``name``, as its launcher knows it."""
        return self._system.parts[name].part

    async def start(self, name: str) -> None:
        await asyncio.to_thread(self._system.parts[name].start)

    async def stop(self, name: str) -> None:
        await asyncio.to_thread(self._system.parts[name].stop)

    async def kill(self, name: str) -> None:
        await asyncio.to_thread(self._system.parts[name].kill)

    async def start_all(self) -> None:
        await asyncio.to_thread(self._system.start)
        await asyncio.to_thread(self._wait_until_well)

    async def stop_all(self) -> None:
        await asyncio.to_thread(self._system.stop)

    async def health(self, name: str) -> dict[str, Any]:
        async with client() as http:
            body: dict[str, Any] = (await http.get(f"{self._system.url(name)}/health/ready")).json()
            return body

    def check_elements(self) -> None:
        """The checker is the oracle: each element, as it lies on disk at this moment, breaks no rule.

        While a process runs it may be in the middle of something, which gives warnings as a crash would;
        what was stopped must be without any finding. What lies there as it did at the last check was found
        good then: most of a check is to read the log, with all the room that it has.
        """
        for element_id in self.element_urls:
            keeper = self._system.parts.get(element_id)
            pid = None if keeper is None else keeper.pid
            with processes.paused(pid) if pid is not None else nullcontext():
                tree = tree_of(self.root(element_id))
                if pid is not None and tree == self._checked.get(element_id):
                    continue
                report = verify_copy(self.root(element_id))
            assert not report.damaged, f"{element_id}: {report.findings} (kept in {self.folder})"
            assert report.clean or keeper is not None, f"{element_id}: {report.findings}"
            self._checked[element_id] = tree

    async def staging_is_empty(self) -> None:
        """But for resumable uploads and batches, which stay there until they are whole or have expired."""

        def left() -> list[Path]:
            folders = [self.root(name) / "staging" for name in self.element_urls]
            found = [path for folder in folders for path in folder.iterdir()]
            in_batches = {path for folder in folders for path in _in_batches(folder)}
            return [
                path for path in found if path not in in_batches and not path.with_suffix(".json").exists()
            ]

        await eventually(lambda: not left(), f"staging still has {left()}")

    def staged(self, element_id: str) -> set[Path]:
        """What lies in staging, perhaps of uploads that were answered: it goes when it was followed."""
        return set((self.root(element_id) / "staging").iterdir())

    async def staging_gets_a_file(self, element_id: str, besides: set[Path]) -> None:
        """``besides`` is what was ``staged`` before."""
        await eventually(lambda: bool(self.staged(element_id) - besides), "nothing came to staging")

    async def registry_knows_all_elements(self) -> None:
        account = await self.administrator()

        async def known() -> bool:
            answer = await account.http.get(f"{self.admin_url}/api/v1/storage-elements")
            items = answer.json()["items"] if answer.status_code == 200 else []
            told = {item["element_id"]: item["url"] for item in items}
            return told.items() >= self.element_urls.items()

        await eventually(known, "the registry does not know all elements")

    async def no_more_is_sent(self, name: str) -> None:
        """Returns when a service has written nothing for a second."""
        pid, seen, since = self.pid(name), -1, time.monotonic()

        def still() -> bool:
            nonlocal seen, since
            if (now := processes.written(pid)) - seen > 65536:
                seen, since = now, time.monotonic()
            return time.monotonic() - since > 1

        await eventually(still, f"{name} does not stop sending")

    def forget_peak_memory(self, name: str) -> None:
        processes.forget_peak(self.pid(name))

    def peak_memory(self, name: str) -> int:
        return processes.peak(self.pid(name))

    async def administrator(self) -> "Account":
        profile = self._system.profile
        account = self._account("initial", profile.client_id, profile.client_secret)
        await account.refresh()
        return account

    @property
    def initial_admin_password(self) -> str:
        return secret(self._system.folder.initial_admin_password)

    async def create_account(self, role: str = "USER", **settings: Any) -> "Account":
        administrator = await self.administrator()
        name = f"test-{uuid.uuid4().hex[:12]}"
        answer = await administrator.http.post(
            f"{self.admin_url}/api/v1/service-accounts", json={"name": name, "role": role, **settings}
        )
        assert answer.status_code == 201, answer.text
        created = answer.json()
        account = self._account(name, created["client_id"], created["client_secret"])
        await account.refresh()
        return account

    def _account(self, name: str, client_id: str, client_secret: str) -> "Account":
        account = Account(self, name, client_id, client_secret)
        self._accounts.append(account)
        return account

    async def close_accounts(self) -> None:
        """Ends the connections of all accounts, which live no longer than the test that made them."""
        while self._accounts:
            await self._accounts.pop().http.aclose()

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to the embedded PostgreSQL; each ``with`` is one transaction."""
        return _database(self._system)

    def signed_token(self, account: "Account", **changes: Any) -> str:
        """A token with Admin's own signature and changed claims."""
        return self.signed_anew(account.token, **changes)

    def signed_anew(self, token: str, **changes: Any) -> str:
        header, claims = token_parts(token)
        with self.database() as connection:
            row = connection.execute(
                "SELECT private_pem FROM admin.signing_keys WHERE kid = %s", (header["kid"],)
            ).fetchone()
        assert row is not None
        passphrase = secret(self._system.folder.secret_file("key-passphrase"))
        key = RSAKey.import_key(row[0], password=passphrase)
        return jwt.encode(header, {**claims, **changes}, key, algorithms=["RS256"])


class Account:
    """A service account with a token; ``http`` sends it along."""

    def __init__(self, system: RunningSystem, name: str, client_id: str, client_secret: str) -> None:
        self.system = system
        self.name = name
        self.token = ""
        self.credentials = (client_id, client_secret)
        self.http = client()

    @asynccontextmanager
    async def anonymous(self) -> AsyncIterator[httpx.AsyncClient]:
        async with client() as http:
            yield http

    async def refresh(self) -> None:
        """A fresh token, once Admin answers."""
        self.http.headers.pop("Authorization", None)
        said = "nothing"

        async def got() -> bool:
            nonlocal said
            try:
                answer = await self.http.post(
                    f"{self.system.admin_url}/api/v1/auth/token",
                    data={"grant_type": "client_credentials"},
                    auth=self.credentials,
                )
            except httpx.TransportError as error:
                said = repr(error)
                return False
            if answer.status_code != 200:
                said = f"{answer.status_code} {answer.text}"
                return False
            self.token = answer.json()["access_token"]
            return True

        try:
            await eventually(got, "no token")
        except AssertionError as error:
            raise AssertionError(f"Admin gives no token, it last said: {said}") from error
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    def token_parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of the token."""
        return token_parts(self.token)

    async def upload(
        self,
        name: str,
        content: bytes,
        *,
        custom_attributes: dict[str, Any] | None = None,
        tags: list[str] | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 30,
        **fields: str,
    ) -> httpx.Response:
        """One document through the Ingester, by httpx's own multipart, with the fields before the file."""
        data: dict[str, Any] = dict(fields)
        if custom_attributes is not None:
            data["custom_attributes"] = json.dumps(custom_attributes)
        if tags is not None:
            data["tags"] = tags
        return await self.http.post(
            f"{self.system.ingester_url}/api/v1/files/upload",
            data=data,
            files={"file": (name, content)},
            headers=headers,
            timeout=timeout,
        )

    async def upload_until_taken(self, name: str, content: bytes) -> dict[str, Any]:
        """Tries again while a part of the system comes back, as an application would."""
        stored: dict[str, Any] = {}

        async def taken() -> bool:
            try:
                answer = await self.upload(name, content)
            except httpx.TransportError:
                return False
            assert answer.status_code in (201, 503), answer.text
            if answer.status_code == 201:
                stored.update(answer.json())
            return answer.status_code == 201

        await eventually(taken, f"{name} is not taken")
        return stored

    async def download(self, file_id: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.http.get(
            f"{self.system.query_url}/api/v1/files/{file_id}/download", headers=headers
        )

    async def download_when_ready(self, file_id: str) -> httpx.Response:
        """Tries again while a part of the system comes back; a document that is not found is no such case."""
        answers: list[httpx.Response] = []

        async def got() -> bool:
            try:
                answer = await self.download(file_id)
            except httpx.TransportError:
                return False
            assert answer.status_code in (200, 503), answer.text
            answers.append(answer)
            return answer.status_code == 200

        await eventually(got, f"{file_id} cannot be downloaded")
        return answers[-1]

    async def search_page(self, words: str, **parameters: Any) -> httpx.Response:
        given = {key: value for key, value in parameters.items() if value is not None}
        return await self.http.get(f"{self.system.query_url}/api/v1/search", params={"q": words, **given})

    async def search(self, words: str) -> list[dict[str, Any]]:
        answer = await self.search_page(words)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def find(self, words: str, file_id: str) -> dict[str, Any]:
        """The hit for one document, once the catalog has it."""
        found: dict[str, Any] = {}

        async def seen() -> bool:
            cursor = None
            while True:
                answer = await self.search_page(words, cursor=cursor, limit=100)
                if answer.status_code == 503:
                    return False
                assert answer.status_code == 200, answer.text
                page = answer.json()
                for item in page["items"]:
                    if item["file_id"] == file_id:
                        found.update(item)
                        return True
                if (cursor := page["next_cursor"]) is None:
                    return False

        await eventually(seen, f"a search for {words!r} does not find {file_id}")
        return found


def client() -> httpx.AsyncClient:
    # Reading certificates, which nobody needs here, would take longer than what most tests ask for.
    return httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=200), verify=False)


def token_parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims."""
    header, claims, _ = token.split(".")
    decoded = [
        json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) for text in (header, claims)
    ]
    return decoded[0], decoded[1]


def _is_down(told: dict[str, dict[str, str]], part: str) -> bool:
    return part in told and told[part]["status"] == "down"


def _in_batches(staging: Path) -> Iterator[Path]:
    """Their journals, and the files that these name."""
    for journal in staging.glob(f"*{JOURNAL_SUFFIX}"):
        yield journal
        with suppress(FileNotFoundError):  # the batch ended meanwhile
            for member in parse_journal(journal.read_bytes(), journal.stem).members:
                yield staging / member.staged


Tree = dict[str, tuple[int, int, int]]
"""Of each entry below a folder: which one it is, its size, and when it was changed last."""


def tree_of(root: Path) -> Tree:
    found: Tree = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            entry = os.lstat(path := f"{folder}/{name}")
            found[path] = (entry.st_ino, entry.st_size, entry.st_mtime_ns)
    return found


def verify_copy(root: Path) -> Report:
    """Checks what lies in the root of an element that is open: a copy made of links, without the lock."""
    with tempfile.TemporaryDirectory(dir=root.parent, prefix="check-") as folder:
        copy = Path(folder) / root.name
        shutil.copytree(root, copy, copy_function=os.link, ignore=lambda _, names: {"lock"} & set(names))
        return verify(copy)


async def eventually(holds: Callable[[], bool | Awaitable[bool]], otherwise: str) -> None:
    """Waits until a condition that nobody announces holds, for a bounded time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        outcome = holds()
        if outcome if isinstance(outcome, bool) else await outcome:
            return
        assert time.monotonic() < deadline, otherwise
        await asyncio.sleep(0.05)


def part(
    name: str,
    value: bytes,
    filename: str | None = None,
    *,
    disposition: str | None = None,
    extra: bytes = b"",
) -> bytes:
    """One part of a form, without its delimiter, exactly as given: also what no client would send."""
    if disposition is None:
        disposition = f'form-data; name="{name}"' + (
            f'; filename="{filename}"' if filename is not None else ""
        )
    return b"Content-Disposition: " + disposition.encode() + b"\r\n" + extra + b"\r\n" + value


def form(*parts: bytes) -> bytes:
    """A whole form of these parts with the boundary ``frontier``."""
    delimiter = f"--{BOUNDARY}".encode()
    return b"".join(delimiter + b"\r\n" + each + b"\r\n" for each in parts) + delimiter + b"--\r\n"
