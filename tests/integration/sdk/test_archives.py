"""Archives of many documents, from a server that misbehaves on demand."""

import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from artstore.sdk import AsyncClient
from artstore.sdk.archives import Archive
from artstore.sdk.errors import Damaged, TooManyRequests, Unavailable
from tests.support.scripted import Reply, Request

from .test_client import ask

CONTENT = os.urandom(3_000_000)
NAMED = {"Content-Type": "application/zip", "Content-Disposition": 'attachment; filename="artstore-1.zip"'}


def zipped(*, checksum: str | None = None, manifest: bool = True, content: bytes = CONTENT) -> bytes:
    attributes, target = b"{}\n", io.BytesIO()
    lines = [
        f"{checksum or hashlib.sha256(content).hexdigest()}  data/a\u2028b.bin\n",
        f"{hashlib.sha256(attributes).hexdigest()}  data/a\u2028b.bin.attr.json\n",
    ]
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("f/bagit.txt", "BagIt-Version: 1.0\n")
        archive.writestr("f/data/a\u2028b.bin", content)
        archive.writestr("f/data/a\u2028b.bin.attr.json", attributes)
        if manifest:
            archive.writestr("f/manifest-sha256.txt", "".join(lines).encode())
    return target.getvalue()


async def fetched(reply: Reply, to: Path) -> Any:
    outcome, server = await ask(lambda _: reply, lambda client: client.archives.download(to, q="x"))
    assert server.paths.count("/api/v1/downloads") >= 1
    return outcome


async def test_whole(tmp_path: Path) -> None:
    body = zipped()
    (tmp_path / "old.zip").write_bytes(b"old")
    archive = await fetched(Reply(200, body, NAMED), tmp_path / "old.zip")
    assert archive == Archive(tmp_path / "old.zip", 1, [])
    assert (await fetched(Reply(200, body, NAMED), tmp_path)).path == tmp_path / "artstore-1.zip"
    for name in ("artstore-1.zip", "old.zip"):
        assert (tmp_path / name).read_bytes() == body
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no archive",
        zipped()[:-1000],
        zipped(manifest=False),
        zipped(checksum="0" * 64),
        zipped().replace(CONTENT[1000:2000], bytes(1000)),
    ],
    ids=["empty", "none", "without its end", "without its manifest", "other bytes", "damaged on the way"],
)
async def test_damaged(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "old.zip").write_bytes(b"old")
    assert isinstance(await fetched(Reply(200, body, NAMED), tmp_path / "old.zip"), Damaged)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


async def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    async def call(client: AsyncClient) -> Any:
        return await client.archives.download(tmp_path / "pipe", q="x")

    outcome, server = await ask(lambda _: Reply(200, zipped(), NAMED), call)
    assert isinstance(outcome, FileExistsError)
    assert server.paths == []
    assert (tmp_path / "pipe").is_fifo()


async def test_breaks_off(tmp_path: Path) -> None:
    assert isinstance(await fetched(Reply(200, zipped(), NAMED, cut=2_000_000), tmp_path), Unavailable)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "told",
    ["", 'attachment; filename="../x.zip"', 'attachment; filename="/etc/x"', "attachment; filename*=x"],
)
async def test_a_name_leads_nowhere_else(told: str, tmp_path: Path) -> None:
    archive = await fetched(Reply(200, zipped(), NAMED | {"Content-Disposition": told}), tmp_path)
    assert archive.path.parent == tmp_path
    assert archive.path.name.startswith("artstore-")


async def test_waits_for_a_place(tmp_path: Path) -> None:
    replies = [Reply.problem("too-many-requests", 429, **{"Retry-After": "0"}), Reply(200, zipped(), NAMED)]

    def script(_: Request) -> Reply:
        return replies.pop(0)

    outcome, _ = await ask(script, lambda client: client.archives.download(tmp_path, ids=["x"]))
    assert isinstance(outcome, Archive)
    busy = Reply.problem("too-many-requests", 429, **{"Retry-After": "0"})
    assert isinstance(await fetched(busy, tmp_path), TooManyRequests)
