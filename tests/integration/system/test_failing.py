"""Elements that fail under the hands of the Ingester, and clients that are slow: two elements take the documents."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from artstore.launcher.settings import Element, SystemSettings
from tests.support import processes
from tests.support.system import BOUNDARY, Account, RunningSystem, eventually, form, part

MIB = 1 << 20
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
SLOW_CLIENTS = 200


def running(folder: Path, **ingester: str) -> Iterator[RunningSystem]:
    settings = SystemSettings(
        default_ports={},
        elements=(Element("rw-01", "rw"), Element("rw-02", "rw")),
        environment={f"ARTSTORE_INGESTER_{name.upper()}": value for name, value in ingester.items()},
        durable_database=False,
    )
    yield from RunningSystem(folder, settings).for_a_while()


@pytest.fixture(scope="module")
def failing_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Its parts are stopped, killed and started."""
    yield from running(tmp_path_factory.mktemp("failing-system"), breaker_longest_seconds="2")


@pytest.fixture(scope="module")
def impatient_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Slow clients and silent elements are given up after five seconds."""
    yield from running(
        tmp_path_factory.mktemp("impatient-system"),
        head_seconds="5",
        client_slow_seconds="5",
        element_answer_seconds="5",
    )


@pytest.fixture
async def client(failing_system: RunningSystem) -> AsyncIterator[Account]:
    """Whose limit is above what a test asks for."""
    async for account in account_of(failing_system):
        yield account


@pytest.fixture
async def impatient(impatient_system: RunningSystem) -> AsyncIterator[Account]:
    async for account in account_of(impatient_system):
        yield account


async def account_of(system: RunningSystem) -> AsyncIterator[Account]:
    yield await system.create_account(rate_limit=1_000_000)
    await system.close_accounts()
    system.check_elements()


async def told(account: Account, metric: str, element_id: str) -> dict[str, float]:
    """What the Ingester's metrics tell of an element, by the second label."""
    text = (await account.http.get(f"{account.system.ingester_url}/metrics")).text
    found = {}
    for line in text.splitlines():
        sample, _, value = line.rpartition(" ")
        if sample.startswith(f'{metric}{{element_id="{element_id}",'):
            found[sample.split('"')[3]] = float(value)
    return found


async def breaker(account: Account, element_id: str) -> str:
    states = await told(account, "artstore_element_breaker", element_id)
    return next((state for state, is_it in states.items() if is_it), "closed")


async def placements(account: Account, element_id: str, result: str) -> float:
    return (await told(account, "artstore_ingester_placements_total", element_id)).get(result, 0.0)


async def documents(account: Account, element_id: str) -> list[str]:
    """The names of the account's documents at an element."""
    url, cursor = account.system.element_urls[element_id], None
    names: list[str] = []
    while True:
        parameters = {"limit": "200"} | ({} if cursor is None else {"cursor": cursor})
        answer = await account.http.get(f"{url}/api/v1/files", params=parameters)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        names += [item["original_filename"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            return names


async def everything_is_listed(account: Account) -> None:
    """Until the indexes have what the elements have."""

    async def listed() -> bool:
        for url in account.system.element_urls.values():
            text = (await account.http.get(f"{url}/metrics")).text
            if 'artstore_storage_follower_lag{follower="index"} 0.0' not in text:
                return False
            if (await account.http.get(f"{url}/api/v1/files")).status_code != 200:
                return False
        return True

    await eventually(listed, "the indexes do not catch up")


async def test_an_element_that_is_dead_is_left_alone_until_it_is_back(client: Account) -> None:
    system = client.system
    assert (await client.upload("before.txt", b"before")).status_code == 201
    await system.kill("rw-01")
    # The one that goes over a connection of before may be in doubt.
    await client.upload_until_taken("first.txt", b"content")
    for number in range(10):
        assert (await client.upload(f"meanwhile {number}.txt", b"content")).status_code == 201
    assert await breaker(client, "rw-01") in ("open", "half_open")
    health = await system.health("ingester")
    assert health["status"] == "degraded"
    assert health["dependencies"]["element_breakers"]["detail"].startswith("rw-01 is ")

    await system.start("rw-01")

    async def closed() -> bool:
        assert (await client.upload("after.txt", b"after")).status_code == 201
        return await breaker(client, "rw-01") == "closed"

    await eventually(closed, "the breaker does not close")
    health = await system.health("ingester")
    assert health["dependencies"]["element_breakers"] == {"status": "up"}


async def test_what_an_element_got_before_it_fell_silent_is_stored_once(impatient: Account) -> None:
    """The upload lies before the element when the Ingester gives it up, and the same comes once more."""
    system, name = impatient.system, "during a pause.txt"
    lost = await placements(impatient, "rw-01", "lost")
    with processes.paused(system.pid("rw-01")):
        upload = asyncio.create_task(impatient.upload(name, b"content", timeout=60))

        async def given_up() -> bool:
            return await placements(impatient, "rw-01", "lost") > lost

        await eventually(given_up, "the Ingester still waits")
    answer = await upload
    assert answer.status_code == 201, answer.text
    await everything_is_listed(impatient)
    assert await documents(impatient, "rw-01") == [name]
    assert await documents(impatient, "rw-02") == []


async def test_kills_under_load_double_nothing_and_lose_nothing(client: Account) -> None:
    """Each document is sent once, by 8 clients, while the first element is killed again and again."""
    system, over = client.system, asyncio.Event()
    statuses: dict[str, int] = {}

    async def send(sender: int) -> None:
        number = 0
        while not over.is_set():
            name = f"{sender}-{number}.bin"
            number += 1
            content = name.encode() * (100 if number % 5 else 30_000)
            try:
                statuses[name] = (await client.upload(name, content, timeout=60)).status_code
            except httpx.TransportError:
                statuses[name] = 0

    senders = [asyncio.create_task(send(sender)) for sender in range(8)]
    try:
        for kill in range(1, 3):
            # At a kill each client may have an upload under way: few of many.
            enough = kill * 200
            await eventually(lambda: len(statuses) > enough, "nothing is stored")  # noqa: B023 - awaited here
            await system.kill("rw-01")
            await system.start("rw-01")
    finally:
        over.set()
        await asyncio.gather(*senders)

    await everything_is_listed(client)
    names = Counter(await documents(client, "rw-01") + await documents(client, "rw-02"))
    assert {name: count for name, count in names.items() if count > 1} == {}
    stored = {name for name, status in statuses.items() if status == 201}
    assert stored - names.keys() == set()
    assert set(statuses.values()) <= {201, 503}, Counter(statuses.values())
    assert len(stored) > 0.9 * len(statuses), Counter(statuses.values())


async def test_memory_while_an_element_takes_nothing(client: Account) -> None:
    system = client.system
    await client.upload("warm up.bin", b"x" * MIB)
    system.forget_peak_memory("ingester")
    before = system.peak_memory("ingester")
    block = hashlib.sha256(b"block").digest() * (MIB // 32)

    async def body() -> AsyncIterator[bytes]:
        yield form(part("file", b"", "large.bin"))[: -len(b"\r\n--frontier--\r\n")]
        for _ in range(200):
            yield block
        yield b"\r\n--frontier--\r\n"

    staged = system.staged("rw-01")
    upload = asyncio.create_task(
        client.http.post(
            f"{system.ingester_url}/api/v1/files/upload", content=body(), headers=FORM, timeout=120
        )
    )
    await system.staging_gets_a_file("rw-01", besides=staged)
    with processes.paused(system.pid("rw-01")):
        await system.no_more_is_sent("ingester")
        assert not upload.done()
    answer = await upload
    assert answer.status_code == 201, answer.text
    assert answer.json()["file_size"] == 200 * MIB
    assert system.peak_memory("ingester") - before < 64 * MIB


async def test_two_hundred_slow_clients_keep_nobody_out(impatient: Account) -> None:
    """Half of them never get to the file, half send it a byte at a time; all are cut off."""
    address = urlsplit(impatient.system.ingester_url)
    begun = f"--{BOUNDARY}\r\n".encode()
    in_file = begun + part("file", b"", "slow.bin")

    async def slow(start: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = (
            f"POST /api/v1/files/upload HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {impatient.token}\r\nContent-Type: {FORM['Content-Type']}\r\n"
            "Content-Length: 100000000\r\n\r\n"
        )
        writer.write(head.encode() + start)
        answer = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        try:
            while not (await asyncio.wait([answer], timeout=0.2))[0]:
                writer.write(b"x")
            return await answer
        finally:
            writer.close()

    async with AsyncExitStack() as stack:
        stack.push_async_callback(impatient.system.staging_is_empty)
        sloths = [asyncio.create_task(slow(start)) for start in [begun, in_file] * (SLOW_CLIENTS // 2)]
        served = 0
        while not all(sloth.done() for sloth in sloths):
            assert (await impatient.upload(f"quick {served}.txt", b"content")).status_code == 201
            served += 1
        answers = Counter(answer[:12] for answer in await asyncio.gather(*sloths))
    assert answers == {b"HTTP/1.1 408": SLOW_CLIENTS}
    assert served > 1


async def test_any_split_of_a_body_gives_the_same_document(client: Account) -> None:
    content = bytes(range(256)) * 40 + f"\r\n--{BOUNDARY}x\r\n--\r\n".encode() + b"\r\n" * 100
    whole = form(
        part("description", "слова".encode()),
        part("tags", b"a, b"),
        part("file", content, "разрезано.bin"),
        part("custom_attributes", b'{"year": 2026}'),
    )
    draw = random.Random(7)
    splits = [
        [0, len(whole)],
        [*range(400), len(whole)],
        [0, *range(len(whole) - 400, len(whole) + 1)],
        *(
            sorted({0, len(whole), *draw.sample(range(1, len(whole)), draw.randint(1, 60))})
            for _ in range(30)
        ),
    ]
    expected = {
        "description": "слова",
        "tags": ["a", "b"],
        "original_filename": "разрезано.bin",
        "custom_attributes": {"year": 2026},
        "file_size": len(content),
        "checksum": hashlib.sha256(content).hexdigest(),
    }
    for cuts in splits:

        async def pieces(cuts: list[int] = cuts) -> AsyncIterator[bytes]:
            for start, end in pairwise(cuts):
                yield whole[start:end]
                await asyncio.sleep(0)

        answer = await client.http.post(
            f"{client.system.ingester_url}/api/v1/files/upload", content=pieces(), headers=FORM
        )
        assert answer.status_code == 201, (cuts, answer.text)
        stored = answer.json()
        assert {name: stored[name] for name in expected} == expected, cuts
