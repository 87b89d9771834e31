"""Links and archives of many documents, by the Python library and the commands, on a real system."""

import uuid
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from artstore.sdk import Client
from artstore.sdk.errors import NotFound, Rejected
from artstore.wire.documents import Document

from .conftest import eventually
from .test_commands import Run

MISSING = "0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e"


@pytest.fixture
def word() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def documents(client: Client, word: str) -> list[Document]:
    """Three, which searches find by ``word``."""
    names = (f"{word} a.txt", f"{word} б.html", f"{word}\u2028c.bin")
    stored = [client.upload(name.encode(), filename=name) for name in names]
    eventually(lambda: len(list(client.search(word))) == 3, "they are not found")
    return stored


class TestLinks:
    def test_library(self, client: Client, documents: list[Document]) -> None:
        file_id = documents[1].file_id
        made = client.links.create(file_id, expires_in=600, once=True, address="127.0.0.0/8", direct=True)
        assert (made.file_id, made.once, made.address, made.direct) == (file_id, True, "127.0.0.0/8", True)
        assert (made.expires_at - made.created_at).total_seconds() == 600
        leads = httpx.get(made.url, timeout=30)
        assert leads.status_code == 307
        assert urlsplit(leads.headers["location"]).netloc in {
            urlsplit(element.url).netloc for element in client.elements()
        }
        assert (
            httpx.get(leads.headers["location"], timeout=30).content
            == documents[1].original_filename.encode()
        )
        assert [each.link_id for each in client.links.list()] == [made.link_id]
        client.links.end(made.link_id)
        assert client.links.list() == []
        assert httpx.get(made.url, timeout=30).status_code == 404
        with pytest.raises(NotFound):
            client.links.end(made.link_id)

    def test_refused(self, client: Client, documents: list[Document]) -> None:
        with pytest.raises(NotFound):
            client.links.create(MISSING)
        with pytest.raises(NotFound):
            client.links.create("../x")
        for expires_in, address in ((0, None), (100_000, None), (60, "nowhere")):
            with pytest.raises(Rejected):
                client.links.create(documents[0].file_id, expires_in=expires_in, address=address)

    def test_commands(self, profile: Path, documents: list[Document]) -> None:
        file_id = str(documents[0].file_id)
        url = Run(profile, "link", file_id).text.strip()
        assert httpx.get(url, timeout=30).content == documents[0].original_filename.encode()
        [made] = Run(profile, "link", file_id, "--expires", "60", "--once", "--json").results
        assert (made["file_id"], made["once"], made["direct"]) == (file_id, True, False)
        [once, other] = Run(profile, "links", "--json").results
        assert once["link_id"] == made["link_id"]
        assert "url" not in once
        listed = Run(profile, "links").text.splitlines()
        assert [line.split("\t")[3] for line in listed] == ["one use", "any use"]
        assert Run(profile, "unlink", once["link_id"], other["link_id"]).code == 0
        assert Run(profile, "links").text == ""
        assert httpx.get(url, timeout=30).status_code == 404
        assert Run(profile, "unlink", once["link_id"]).code == 4
        assert Run(profile, "link", MISSING).code == 4
        assert Run(profile, "link", file_id, "--address", "nowhere").code == 7


class TestArchives:
    def held(self, path: Path) -> list[bytes]:
        """The documents in it."""
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            names = [name for name in archive.namelist() if "/data/" in name]
            return sorted(archive.read(name) for name in names if not name.endswith(".attr.json"))

    def test_library(self, client: Client, documents: list[Document], word: str, tmp_path: Path) -> None:
        contents = sorted(document.original_filename.encode() for document in documents)
        told: list[int] = []
        ids = [document.file_id for document in documents]
        made = client.archives.download(
            tmp_path / "all.zip", ids=ids, progress=lambda done, size: told.append(done)
        )
        assert (made.path, made.documents, made.missing) == (tmp_path / "all.zip", 3, [])
        assert self.held(made.path) == contents
        assert told[-1] == made.path.stat().st_size
        found = client.archives.download(tmp_path, q=word)
        assert found.path.parent == tmp_path
        assert found.path.suffix == ".zip"
        assert self.held(found.path) == contents
        assert {each.name for each in tmp_path.iterdir()} == {"all.zip", found.path.name}

    def test_what_is_not_there(self, client: Client, documents: list[Document], tmp_path: Path) -> None:
        ids = [str(documents[0].file_id), MISSING]
        with pytest.raises(NotFound):
            client.archives.download(tmp_path, ids=ids)
        for wanted, q in ((None, None), ([], None), (["x"], None), (ids, "x")):
            with pytest.raises(Rejected):
                client.archives.download(tmp_path, ids=wanted, q=q)
        assert list(tmp_path.iterdir()) == []
        made = client.archives.download(tmp_path, ids=ids, partial=True)
        assert made.documents == 1
        [missing] = made.missing
        assert missing.file_id == MISSING
        assert missing.reason
        nothing = client.archives.download(tmp_path, ids=[MISSING], partial=True)
        assert (nothing.documents, nothing.missing) == (0, [missing])

    def test_commands(self, profile: Path, documents: list[Document], word: str, tmp_path: Path) -> None:
        contents = sorted(document.original_filename.encode() for document in documents)
        ids = [str(document.file_id) for document in documents]
        path = tmp_path / "a.zip"
        assert Run(profile, "archive", "-q", word, "-o", path).text.strip() == str(path)
        assert self.held(path) == contents
        assert Run(profile, "archive", "-q", f"{word} -б", "--extension", "txt", "-o", path).code == 0
        assert self.held(path) == [documents[0].original_filename.encode()]
        part = ("--mode", "partial", "--sort", "name", "--attribute", "!n")
        assert Run(profile, "archive", "-q", word[1:], *part, "-o", path).code == 0
        assert self.held(path) == contents
        assert Run(profile, "archive", "--extension", "html", "-o", path).code == 0
        assert documents[1].original_filename.encode() in self.held(path)
        [told] = Run(profile, "archive", "-", "-o", path, "--json", stdin="\n".join(ids).encode()).results
        assert told == {"path": str(path), "documents": 3, "missing": []}
        partial = Run(profile, "archive", ids[0], MISSING, "--partial", "-o", path)
        assert partial.code == 1
        assert MISSING in partial.errors
        assert self.held(path) == [documents[0].original_filename.encode()]
        [told] = Run(profile, "archive", ids[0], MISSING, "--partial", "-o", path, "--json").results
        assert [each["file_id"] for each in told["missing"]] == [MISSING]

    def test_usage(self, profile: Path, tmp_path: Path) -> None:
        output = ("-o", tmp_path)
        assert Run(profile, "archive", *output).code == 2
        assert Run(profile, "archive", MISSING, "-q", "x", *output).code == 2
        assert Run(profile, "archive", "-", *output).code == 2
        assert Run(profile, "archive", "--sort", "name", *output).code == 2
        assert Run(profile, "archive", MISSING, "--tag", "x", *output).code == 2
        assert Run(profile, "archive", MISSING, *output).code == 4
        assert Run(profile, "archive", "x", *output).code == 7
        assert list(tmp_path.iterdir()) == []
