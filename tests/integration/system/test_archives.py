"""Many documents in one download, over HTTP."""

import asyncio
import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.system import Account, RunningSystem, eventually

MISSING = "0193a5b0-0000-7000-8000-000000000000"
LARGE = b"".join(b"%d;a line of a table;%d\n" % (line, line * 7919) for line in range(300_000))


async def archive(account: Account, **asked: Any) -> httpx.Response:
    return await account.http.post(f"{account.system.query_url}/api/v1/downloads", json=asked, timeout=60)


async def stored(account: Account, name: str, content: bytes, **fields: Any) -> dict[str, Any]:
    answer = await account.upload(name, content, **fields)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def unpacked(answer: httpx.Response) -> dict[str, bytes]:
    """What is in the archive, by the path below its one folder; every checksum of the manifest is compared."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "private, no-store"
    folder = answer.headers["content-disposition"].split('"')[1].removesuffix(".zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        assert found.testzip() is None
        assert {name.split("/")[0] for name in found.namelist()} == {folder}
        files = {name.removeprefix(f"{folder}/"): found.read(name) for name in found.namelist()}
    lines = [line.split("  ", 1) for line in files["manifest-sha256.txt"].decode().splitlines()]
    assert {name for _, name in lines} == {name for name in files if name.startswith("data/")}
    assert all(hashlib.sha256(files[name]).hexdigest() == checksum for checksum, name in lines)
    return files


async def test_documents_by_their_ids(account: Account, tmp_path: Path) -> None:
    documents = [
        await stored(account, "table.csv", LARGE, tags=["a"], custom_attributes={"n": 1}),
        await stored(account, "отчёт.pdf", b"%PDF-1.4 one"),
        await stored(account, "отчёт.pdf", b"%PDF-1.4 two"),
    ]
    ids = [document["file_id"] for document in documents]
    # At once: the catalog need not know them yet.
    answer = await archive(account, ids=[*ids, ids[0]])
    files = unpacked(answer)
    contents = {
        "data/table.csv": LARGE,
        "data/отчёт.pdf": b"%PDF-1.4 one",
        "data/отчёт (2).pdf": b"%PDF-1.4 two",
    }
    assert {name: files[name] for name in contents} == contents
    for name, document in zip(contents, documents, strict=True):
        assert json.loads(files[f"{name}.attr.json"]) == document
    assert len(files) == 2 * len(documents) + 2
    assert "content-length" not in answer.headers
    assert len(answer.content) < len(LARGE) / 2

    # By another program than Python.
    assert shutil.which("unzip"), "unzip is not installed: see CONTRIBUTING.md"
    path = tmp_path / "archive.zip"
    path.write_bytes(answer.content)
    process = await asyncio.create_subprocess_exec("unzip", "-t", str(path), stdout=-1)
    said, _ = await process.communicate()
    assert process.returncode == 0, said


async def test_documents_of_a_search(account: Account, other_account: Account) -> None:
    mine = [await stored(account, f"kestrel {number}.txt", b"%d" % number) for number in range(7)]
    await stored(account, "falcon.txt", b"another")
    await stored(other_account, "kestrel 99.txt", b"another's")
    for document in mine:
        await account.find("kestrel", document["file_id"])
    files = unpacked(await archive(account, q="kestrel"))
    assert {name: files[f"data/kestrel {name}.txt"] for name in range(7)} == {n: b"%d" % n for n in range(7)}
    assert len(files) == 16


async def test_documents_of_a_question_with_conditions(account: Account) -> None:
    named = [
        await stored(
            account, f"merlin{number}.txt", b"%d" % number, tags=["paid"], custom_attributes={"n": n}
        )
        for number, n in enumerate((7, "7", 8))
    ]
    await stored(account, "merlin3.txt", b"not paid", custom_attributes={"n": 7})
    await account.find("merlin3", (await stored(account, "merlin3.bin", b"bin"))["file_id"])
    for document in named:
        await account.find("paid", document["file_id"])

    async def found(**asked: Any) -> set[str]:
        files = unpacked(await archive(account, **asked))
        return {name[5:] for name in files if name.startswith("data/") and not name.endswith(".json")}

    everything = {f"merlin{number}.txt" for number in range(4)} | {"merlin3.bin"}
    assert await found(q="erlin", mode="partial") == everything
    assert await found(q="merlin*", extension=["bin"]) == {"merlin3.bin"}
    assert await found(tag=["paid"]) == {"merlin0.txt", "merlin1.txt", "merlin2.txt"}
    assert await found(attribute=[{"path": ["n"], "equals": 7}]) == {"merlin0.txt", "merlin3.txt"}
    assert await found(tag=["paid"], attribute=["n=7"]) == {"merlin0.txt", "merlin1.txt"}
    assert await found(q="merlin*", size_max=3, attribute=["!n"]) == {"merlin3.bin"}
    by_name = list(unpacked(await archive(account, q="merlin*", sort="-name")))
    assert [name for name in by_name if name.startswith("data/") and name.endswith(".txt")] == [
        f"data/merlin{number}.txt" for number in (3, 2, 1, 0)
    ]


async def test_what_is_not_there_is_anothers(account: Account, other_account: Account) -> None:
    mine, others = await stored(account, "a.txt", b"a"), await stored(other_account, "b.txt", b"b")
    await other_account.find("b", others["file_id"])
    ids = [mine["file_id"], MISSING, others["file_id"]]
    refused = await archive(account, ids=ids)
    assert refused.status_code == 404
    assert refused.json()["type"] == "urn:artstore:problem:not-found"
    assert refused.json()["file_ids"] == ids[1:]
    files = unpacked(await archive(account, ids=ids, partial=True))
    assert set(files) == {
        "bagit.txt",
        "data/a.txt",
        "data/a.txt.attr.json",
        "errors.json",
        "manifest-sha256.txt",
    }
    reason = "it is not there, or not yours to see"
    assert json.loads(files["errors.json"]) == [{"file_id": each, "reason": reason} for each in ids[1:]]


async def test_goes_on_when_its_token_ends(system: RunningSystem, account: Account) -> None:
    contents = [bytes([number]) * (4 << 20) for number in range(12)]
    documents = [await stored(account, f"{number}.bin", content) for number, content in enumerate(contents)]
    ids = [document["file_id"] for document in documents]
    element = f"{system.element_urls['rw-01']}/api/v1/files/{ids[0]}"
    received = bytearray()
    url = f"{system.query_url}/api/v1/downloads"
    async with account.http.stream("POST", url, json={"ids": ids}, timeout=60) as answer:
        chunks = answer.aiter_raw()
        received += await anext(chunks)
        revoke = f"{system.admin_url}/api/v1/auth/revoke"
        async with account.anonymous() as http:
            ended = await http.post(revoke, data={"token": account.token}, auth=account.credentials)
        assert ended.status_code == 200

        async def refused() -> bool:
            return (await account.http.get(element)).status_code == 401

        await eventually(refused, "the token is still taken")
        async for chunk in chunks:
            received += chunk
    files = unpacked(httpx.Response(200, headers=answer.headers, content=bytes(received)))
    assert [files[f"data/{number}.bin"] for number in range(12)] == contents


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "body"),
        ({"ids": [MISSING], "q": "a"}, "body"),
        ({"ids": []}, "ids"),
        ({"ids": ["x"]}, "ids.0"),
        ({"ids": [MISSING] * 10_001}, "ids"),
        ({"q": "x" * 1001}, "q"),
        ({"q": "nothing has this word: xylophonist"}, "q"),
        ({"ids": [MISSING], "partial": 7}, "partial"),
        ({"ids": [MISSING], "more": 1}, "more"),
        ({"ids": [MISSING], "partial": "true"}, "partial"),
        ({"ids": [MISSING], "tag": ["paid"]}, "body"),
        ({"ids": [MISSING], "mode": "partial"}, "body"),
        ({"mode": "partial"}, "body"),
        ({"tag": []}, "body"),
        ({"q": "a", "size_min": "1"}, "body"),
        ({"q": "a", "limit": 1}, "limit"),
        ({"account_id": [MISSING, ""]}, "account_id.1"),
        ({"q": "a", "attribute": [{"path": []}]}, "attribute.0.path"),
        ({"q": "a", "attribute": ["n>7"]}, "attribute"),
        ({"q": "a", "attribute": [""]}, "attribute.0"),
    ],
)
async def test_bad_input(account: Account, asked: dict[str, Any], field: str) -> None:
    answer = await archive(account, **asked)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field


async def test_many_unknown_ids_cost_the_elements_little(system: RunningSystem, account: Account) -> None:
    ids = [f"0193a5b0-0000-7000-8000-{number:012d}" for number in range(10_000)]
    answer = await archive(account, ids=ids)
    assert answer.status_code == 404
    assert "100 of the documents" in answer.json()["detail"]
    assert answer.json()["file_ids"] == ids[:100]
