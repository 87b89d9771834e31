"""The steps of the demonstration, one after another, each over all documents."""

import hashlib
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from artstore.attributes import folder_of
from artstore.engine.verify import verify
from artstore.launcher.demo.documents import NothingToStore, files_below, make_large_file
from artstore.launcher.demo.outcome import Account, Outcome, Step
from artstore.launcher.system import System
from artstore.sdk.asynchronous import AsyncClient
from artstore.sdk.errors import ArtStoreError
from artstore.sdk.profile import Profile
from artstore.sdk.progress import advancing

AT_ONCE = 8
FIND_SECONDS = 60.0
"""How long a stored document may take to be found; the catalog follows the elements' events."""
_QUERY_CHARACTERS = 900
"""Longer names are searched by their mark alone: a query has at most 1000 characters."""


class Audience(Protocol):
    """Whoever is told what goes on."""

    def say(self, sentence: str) -> None: ...
    def finished(self, step: Step) -> None:
        """A step is over, well or not."""

    def progress(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Announces that ``total`` (bytes or documents) will be done; the result takes what was done."""


class Demo:
    """One demonstration on a system that is started and stopped by the caller.

    ``store_and_fetch`` runs while the system does, ``look_on_disk`` afterwards; both add to ``outcome``.
    """

    def __init__(self, system: System, folder: Path, audience: Audience, *, large_file: bool = True) -> None:
        self.outcome = Outcome()
        self._system = system
        self._folder = folder
        self._audience = audience
        self._large_file = large_file

    def gather(self) -> None:
        """Looks for the files. Raises NothingToStore or OSError, before anything is started."""
        if not self._folder.is_dir():
            raise NothingToStore(f"{self._folder} is not a folder")
        for path in files_below(self._folder):
            if size := path.stat().st_size:
                self.outcome.accounts.append(_account(path, size))
            else:
                self.outcome.empty.append(path)
        if not self.outcome.accounts:
            raise NothingToStore(f"{self._folder} holds no file with a byte in it")

    def store_and_fetch(self) -> None:
        """Stores, finds, fetches and compares every document, by an account made for it."""
        with tempfile.TemporaryDirectory(prefix="demo-", dir=self._system.folder.path) as work:
            anyio.run(self._store_and_fetch, Path(work))

    def look_on_disk(self) -> None:
        """With the services stopped: where each document lies, and whether its element is sound."""
        with self._step("verified on disk") as step:
            for element in self._system.settings.elements:
                root = self._system.folder.element_root(element.element_id)
                report = verify(root)
                self.outcome.findings += [f"{root}: {finding}" for finding in report.findings]
            for account in self.outcome.accounts:
                self._find_on_disk(account, step)

    async def _store_and_fetch(self, work: Path) -> None:
        async with await self._client() as client:
            small = list(self.outcome.accounts)
            await self._store(client, small, "stored")
            if self._large_file:
                large = _account(await anyio.to_thread.run_sync(make_large_file, work), 0)
                large.size = large.source.stat().st_size
                self.outcome.accounts.append(large)
                await self._store(client, [large], "stored, the large one")
            await self._find(client)
            await self._fetch(client, small, work, "fetched and compared")
            if self._large_file:
                await self._fetch(client, [large], work, "fetched and compared, the large one")

    async def _client(self) -> AsyncClient:
        """A client of an account of its own, made with the system's first account."""
        first = self._system.profile
        profile = Profile(
            first.admin_url, first.ingester_url, first.query_url, first.client_id, first.client_secret
        )
        name = f"demo-{secrets.token_hex(4)}"
        async with AsyncClient(profile) as admin:
            account = await admin.create_account(name)
        self._audience.say(f"Made the account {name}.")
        return AsyncClient(replace(profile, client_id=account.client_id, client_secret=account.client_secret))

    async def _store(self, client: AsyncClient, accounts: Sequence[Account], name: str) -> None:
        async def store(account: Account) -> None:
            document = await client.upload(account.source, tags=[account.mark], progress=advancing(advance))
            account.file_id = document.file_id
            account.checksum = document.checksum
            step.documents += 1
            step.bytes += account.size

        total = sum(account.size for account in accounts)
        with self._step(name) as step, self._audience.progress("storing", total) as advance:
            await _for_each(accounts, store)

    async def _find(self, client: AsyncClient) -> None:
        async def find(account: Account) -> None:
            query = f"{account.source.name} {account.mark}"
            if len(query) > _QUERY_CHARACTERS:
                query = account.mark
            deadline = time.monotonic() + FIND_SECONDS
            pause = 0.02
            while not (hits := [hit async for hit in client.search(query, limit=2)]):
                if time.monotonic() > deadline:
                    account.troubles.append("stored, but not found by the search")
                    return
                await anyio.sleep(pause)
                pause = min(pause * 2, 1.0)
            if [hit.file_id for hit in hits] != [account.file_id]:
                account.troubles.append("the search found another document")
            account.element_id = hits[0].element_id
            step.documents += 1
            advance(1)

        stored = self._stored
        with self._step("found") as step, self._audience.progress("finding", len(stored)) as advance:
            await _for_each(stored, find)

    async def _fetch(self, client: AsyncClient, accounts: Sequence[Account], work: Path, name: str) -> None:
        async def fetch(account: Account) -> None:
            if account.file_id is None:
                return
            path = await client.download(
                account.file_id, work / f"{account.file_id}.fetched", progress=advancing(advance)
            )
            fetched, source = await anyio.to_thread.run_sync(_two_digests, path, account.source)
            if not fetched == source == account.checksum:
                account.troubles.append("what came back differs from the source")
            await anyio.to_thread.run_sync(path.unlink)
            step.documents += 1
            step.bytes += account.size

        total = sum(account.size for account in accounts)
        with self._step(name) as step, self._audience.progress("fetching", total) as advance:
            await _for_each(accounts, fetch)

    def _find_on_disk(self, account: Account, step: Step) -> None:
        if account.file_id is None:
            return
        for element in self._system.settings.elements:
            root = self._system.folder.element_root(element.element_id)
            # The folder of a document follows from its id.
            for path in (root / "files" / folder_of(account.file_id)).glob(f"*{account.file_id}*"):
                if not path.name.endswith(".attr.json"):
                    account.on_disk = path
                    account.element_id = element.element_id
                    step.documents += 1
                    step.bytes += path.stat().st_size
                    return
        account.troubles.append("its file is not where its id says")

    @property
    def _stored(self) -> list[Account]:
        return [account for account in self.outcome.accounts if account.file_id is not None]

    @contextmanager
    def _step(self, name: str) -> Iterator[Step]:
        step = Step(name)
        began = time.monotonic()
        yield step
        step.seconds = time.monotonic() - began
        self.outcome.steps.append(step)
        self._audience.finished(step)


def _account(path: Path, size: int) -> Account:
    return Account(path, size, mark=f"demo{secrets.token_hex(8)}")


async def _for_each(accounts: Sequence[Account], act: Callable[[Account], Awaitable[None]]) -> None:
    """Acts on several documents at once; what goes wrong with one is its trouble, and the others go on."""
    places = anyio.Semaphore(AT_ONCE)

    async def act_on(account: Account) -> None:
        try:
            await act(account)
        except (ArtStoreError, OSError) as error:
            account.troubles.append(str(error))
        finally:
            places.release()

    async with anyio.create_task_group() as group:
        for account in accounts:
            await places.acquire()
            group.start_soon(act_on, account)


def _two_digests(first: Path, second: Path) -> tuple[str, str]:
    with first.open("rb") as one, second.open("rb") as other:
        return hashlib.file_digest(one, "sha256").hexdigest(), hashlib.file_digest(
            other, "sha256"
        ).hexdigest()
