"""Scrubbing while the element serves: what is found, told, mended, refused; schedule, requests, interruptions."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from artstore.launcher.settings import Element
from tests.support.elements import AtElement, problem, running_elements
from tests.support.system import RunningSystem, eventually

LARGE = b"too large for the log\n" * 100
GHOST = "01936a2f-0000-7000-8000-00000000dead"


def setting(name: str, value: str) -> dict[str, str]:
    return {f"ARTSTORE_STORAGE_{name}": value}


@pytest.fixture(scope="module")
def own_elements(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    system = running_elements(
        tmp_path_factory.mktemp("scrubbed"),
        Element("edit-01", "edit", setting("INLINE_LIMIT", "1000")),
        Element(
            "slow-01",
            "edit",
            setting("SCRUB_BYTES_PER_SECOND", str(256 * 1024)) | setting("INLINE_LIMIT", "1000"),
        ),
        Element("often-01", "edit", setting("SCRUB_DAYS", "0.00002") | setting("INLINE_LIMIT", "1000")),
    )
    yield from system.for_a_while()


@pytest.fixture
async def at(own_elements: RunningSystem) -> AtElement:
    """The administrator."""
    return AtElement(await own_elements.administrator(), "edit-01")


@pytest.fixture
def root(own_elements: RunningSystem) -> Path:
    return own_elements.root("edit-01")


async def scrubbed(at: AtElement, **params: Any) -> dict[str, Any]:
    """The report after a whole pass that was asked for."""
    answer = await at.ask("POST", "scrub", params=params)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == "/api/v1/scrub"
    begun = answer.json()["current"]["number"]
    return await through(at, begun)


async def through(at: AtElement, number: int) -> dict[str, Any]:
    report: dict[str, Any] = {}

    async def ended() -> bool:
        report.clear()
        report.update(await at.told("scrub"))
        return bool(report.get("last") and report["last"]["number"] >= number)

    await eventually(ended, "the scrub does not end")
    return report


async def found(at: AtElement, **params: Any) -> list[dict[str, Any]]:
    """All findings of the last pass, by pages of two."""
    number = (await at.told("scrub"))["last"]["number"]
    items: list[dict[str, Any]] = []
    while True:
        page = await at.told("scrub/findings", limit=2, **params)
        items += [item for item in page["items"] if item["pass_number"] == number]
        if page["next_cursor"] is None:
            return items
        params["cursor"] = page["next_cursor"]


async def filed(at: AtElement, name: str = "a.txt", content: bytes = LARGE) -> dict[str, Any]:
    """A document that lies in the files."""
    document = await at.store(name, content)

    async def followed() -> bool:
        return bool((await at.told("wal"))["followers"]["files"]["lag"] == 0)

    await eventually(followed, "the files do not catch up")
    return document


def path_of(root: Path, document: dict[str, Any]) -> Path:
    """Of the bytes of a document."""
    [path] = [
        path
        for path in (root / "files").rglob(f"*{document['file_id']}*")
        if not path.name.endswith(".attr.json")
    ]
    return path


def attributes_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.attr.json")


def told(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


@contextmanager
def flipped(path: Path, position: int = 10) -> Iterator[bytes]:
    """One bit of a file is another one, until the end of the block or until somebody replaces the file."""
    with path.open("r+b", buffering=0) as file:
        file.seek(position)
        [byte] = file.read(1)
        whole = path.read_bytes()
        file.seek(position)
        file.write(bytes([byte ^ 4]))
        try:
            yield whole
        finally:
            file.seek(position)
            file.write(bytes([byte]))


async def health(at: AtElement) -> dict[str, Any]:
    return await at.account.system.health(at.element_id)


async def registered(at: AtElement, open_findings: int, state: str) -> None:
    """Until Admin's registry says so of the element."""

    async def known() -> bool:
        answer = await at.account.http.get(
            f"{at.account.system.admin_url}/api/v1/storage-elements/{at.element_id}"
        )
        element = answer.json()
        return (element["open_findings"], element["health"]) == (open_findings, state)

    await eventually(known, f"the registry does not know of {open_findings} findings")


class TestCleanElement:
    async def test_gives_no_finding_and_says_when_it_was_verified(
        self, own_elements: RunningSystem, at: AtElement
    ) -> None:
        stored = [await filed(at, f"{n}.txt", content) for n, content in enumerate((b"small", LARGE))]
        await at.index_has_all()
        before = datetime.now(UTC).replace(microsecond=0)
        report = await scrubbed(at)
        assert (report["status"], report["open_findings"], report["findings"]) == ("idle", 0, [])
        assert report["current"] is None
        assert (report["last"]["findings"], report["last"]["unsure"]) == (0, 0)
        assert report["last"]["documents"] == (await at.told("capacity"))["documents"] >= 2
        oldest = datetime.fromisoformat(report["oldest_verified_at"])
        assert before <= oldest <= datetime.fromisoformat(report["last"]["ended_at"])
        assert await at.metric("artstore_storage_oldest_verified_timestamp_seconds") == oldest.timestamp()
        assert await at.metric("artstore_storage_scrub_open_findings", severity="error") == 0
        assert await found(at) == []
        assert (await health(at))["dependencies"]["integrity"] == {"status": "up"}
        for document in stored:
            verified = await at.told(f"files/{document['file_id']}/verification")
            assert verified["checksum"] == document["checksum"]
            assert verified["damaged"] is False
            assert datetime.fromisoformat(verified["verified_at"]) >= datetime.fromisoformat(
                document["created_at"]
            )

    async def test_says_how_it_is_scheduled(self, at: AtElement) -> None:
        await filed(at)
        report = await scrubbed(at)
        schedule = report["schedule"]
        assert (schedule["enabled"], schedule["days"], schedule["within_reach"]) == (True, 30, True)
        assert schedule["bytes_per_second"] == 32 * 1024 * 1024
        due_at, oldest = (
            datetime.fromisoformat(text) for text in (schedule["due_at"], report["oldest_verified_at"])
        )
        assert timedelta(days=29) < due_at - oldest <= timedelta(days=30)


class TestFlippedByte:
    async def test_in_a_document_is_told_everywhere_and_it_is_not_served(
        self, own_elements: RunningSystem, at: AtElement, root: Path
    ) -> None:
        document = await filed(at)
        path = path_of(root, document)
        kept = set((root / "quarantine").rglob("*"))
        with flipped(path):
            report = await scrubbed(at)
            [finding] = report["findings"]
            assert (finding["code"], finding["severity"]) == ("D003", "error")
            assert (finding["path"], finding["file_id"]) == (told(path, root), document["file_id"])
            assert finding["open"] is True
            assert await found(at) == [finding]
            assert (report["open_findings"], report["damaged_documents"]) == (1, 1)
            # Nobody has a good copy: it stays where it is.
            assert path.exists()
            assert set((root / "quarantine").rglob("*")) == kept
            problem(await at.download(document["file_id"]), "document-damaged", 500)
            problem(await at.download(document["file_id"], Range="bytes=0-1"), "document-damaged", 500)
            state = await health(at)
            assert state["status"] == "degraded"
            detail = state["dependencies"]["integrity"]["detail"]
            assert "1 error (D003)" in detail
            assert "1 document cannot be served" in detail
            assert path.name not in json.dumps(state), "anybody may read this"
            assert await at.metric("artstore_storage_damaged_documents") == 1
            assert await at.metric("artstore_storage_scrub_open_findings", severity="error") == 1
            assert await at.metric("artstore_storage_scrub_findings_total", code="D003", repaired="no") == 1
            await registered(at, 1, "degraded")
            assert (await at.told(f"files/{document['file_id']}/verification"))["damaged"] is True
            lines = (own_elements.folder / "logs" / "edit-01.log").read_text(encoding="utf-8").splitlines()
            errors = [line for line in map(json.loads, lines) if line["level"] == "error"]
            assert told(path, root) in [line.get("path") for line in errors]
        # Put back from a backup: found right by the next reader, before the next pass.
        assert (await at.download(document["file_id"])).content == LARGE
        assert (await at.told("scrub"))["open_findings"] == 0
        assert (await health(at))["dependencies"]["integrity"] == {"status": "up"}
        await registered(at, 0, "ok")
        assert (await scrubbed(at))["last"]["findings"] == 0

    @pytest.mark.parametrize("suffix", ["", ".attr.json"], ids=["bytes", "attributes"])
    async def test_of_what_the_log_still_has_is_mended(self, at: AtElement, root: Path, suffix: str) -> None:
        document = await filed(at, content=b"a small one")
        path = path_of(root, document)
        path = path.with_name(path.name + suffix)
        with flipped(path, 8) as whole:
            damaged = path.read_bytes()
            report = await scrubbed(at)
            [finding] = await found(at)
            assert (finding["path"], finding["open"]) == (told(path, root), False)
            assert finding["repaired_from"] == "log"
            assert (root / finding["kept_as"]).read_bytes() == damaged
            assert path.read_bytes() == whole
        assert (report["open_findings"], report["last"]["findings"]) == (0, 1)
        assert await at.told(f"files/{document['file_id']}") == document
        assert (await at.download(document["file_id"])).content == b"a small one"
        assert (await health(at))["dependencies"]["integrity"] == {"status": "up"}
        assert (await scrubbed(at))["last"]["findings"] == 0

    async def test_of_attributes_that_the_log_has_no_more(
        self, own_elements: RunningSystem, at: AtElement, root: Path
    ) -> None:
        document = await filed(at)
        await at.has_followed()
        await own_elements.stop("edit-01")
        for segment in (root / "wal").glob("*.log"):
            segment.write_bytes(segment.read_bytes()[:128])
        await own_elements.start("edit-01")
        path = attributes_of(path_of(root, document))
        for position in (5, path.stat().st_size // 2, path.stat().st_size - 8):
            with flipped(path, position):
                report = await scrubbed(at)
                [finding] = report["findings"]
                assert (finding["path"], finding["open"]) == (told(path, root), True)
                assert finding["code"].startswith("A")
                problem(await at.get(f"files/{document['file_id']}"), "document-damaged", 500)
                problem(await at.get(f"files/{document['file_id']}/verification"), "document-damaged", 500)
        assert (await scrubbed(at))["open_findings"] == 0
        assert await at.told(f"files/{document['file_id']}") == document

    async def test_in_the_log(self, at: AtElement, root: Path) -> None:
        await filed(at)
        segment = max((root / "wal").glob("*.log"))
        with flipped(segment, 200):
            report = await scrubbed(at)
            [finding] = report["findings"]
            assert (finding["code"], finding["path"]) == ("W001", told(segment, root))
        assert (await scrubbed(at))["last"]["findings"] == 0

    @pytest.mark.parametrize("name", ["wal/checkpoint.json", "element.json"])
    async def test_in_what_describes_the_element(self, at: AtElement, root: Path, name: str) -> None:
        await filed(at)
        with flipped(root / name, 20):
            await scrubbed(at)
            assert [finding["path"] for finding in await found(at)] == [name]
        assert (await scrubbed(at))["open_findings"] == 0


class TestOrphans:
    async def test_bytes_without_attributes(self, at: AtElement, root: Path) -> None:
        stranger = root / "files" / "stranger.txt"
        stranger.write_bytes(b"nobody's")
        try:
            report = await scrubbed(at)
            [finding] = report["findings"]
            assert (finding["code"], finding["path"]) == ("O001", "files/stranger.txt")
        finally:
            stranger.unlink()

    async def test_attributes_without_bytes(self, at: AtElement, root: Path) -> None:
        document = await filed(at)
        path = path_of(root, document)
        path.rename(root / "aside")
        try:
            report = await scrubbed(at)
            [finding] = report["findings"]
            assert (finding["code"], finding["path"]) == ("D001", told(path, root))
            problem(await at.download(document["file_id"]), "document-damaged", 500)
        finally:
            (root / "aside").rename(path)
        assert (await at.download(document["file_id"])).content == LARGE
        assert (await scrubbed(at))["open_findings"] == 0

    @pytest.mark.parametrize("path", [None, "files/2026/11/23/12/gone.txt"])
    async def test_rows_of_the_index_without_either(
        self, own_elements: RunningSystem, at: AtElement, path: str | None
    ) -> None:
        await filed(at)
        await at.index_has_all()
        insert = (
            "INSERT INTO storage.edit_01_files"
            " (file_id, lsn, generation, storage_path, created_at, created_by_id, attributes)"
            " SELECT %s, lsn, generation, %s, created_at, created_by_id, attributes"
            " FROM storage.edit_01_files WHERE attributes IS NOT NULL LIMIT 1"
        )
        with own_elements.database() as connection:
            connection.execute(insert, (GHOST, path))
        report = await scrubbed(at)
        [finding] = report["findings"]
        assert (finding["code"], finding["file_id"], finding["path"]) == ("X001", GHOST, path or GHOST)
        with own_elements.database() as connection:
            connection.execute("DELETE FROM storage.edit_01_files WHERE file_id = %s", (GHOST,))
        assert (await scrubbed(at))["open_findings"] == 0

    async def test_a_damaged_document_that_was_deleted_is_no_finding_any_more(
        self, at: AtElement, root: Path
    ) -> None:
        document = await filed(at)
        with flipped(path_of(root, document)):
            assert (await scrubbed(at))["open_findings"] == 1
            assert (await at.ask("DELETE", f"files/{document['file_id']}")).status_code == 204
            report = await at.told("scrub")
            assert (report["open_findings"], report["damaged_documents"]) == (0, 0)


class TestPostgresAway:
    async def test_the_files_are_scrubbed_all_the_same(
        self, own_elements: RunningSystem, at: AtElement, root: Path
    ) -> None:
        document = await filed(at)
        await own_elements.kill("postgres")
        try:
            with flipped(path_of(root, document)):
                report = await scrubbed(at)
            assert [finding["code"] for finding in report["findings"]] == ["D003"]
            assert report["last"]["unsure"] == 1
        finally:
            await own_elements.start("postgres")
        await at.index_has_all()
        report = await scrubbed(at)
        assert (report["open_findings"], report["last"]["unsure"]) == (0, 0)


class TestRequest:
    async def test_needs_the_scopes(self, elements: RunningSystem, edit: AtElement) -> None:
        auditor, user = AtElement(await elements.create_account(role="AUDITOR"), "edit-01"), edit
        for path in ("scrub", "scrub/findings"):
            assert (await auditor.get(path)).status_code == 200
            problem(await user.get(path), "insufficient-scope", 403)
        for path in ("scrub", "scrub/pause"):
            refused = await auditor.ask("POST", path)
            assert problem(refused, "insufficient-scope", 403)["required_scope"] == "elements:write"

    async def test_what_no_parameter_takes(self, operator: AtElement) -> None:
        for cursor in ("x", "dCAx", "cyAxIDIgMw", "ÿ", "cyBhIGI"):
            problem(await operator.get("scrub/findings", cursor=cursor), "invalid-cursor", 400)
        for method, path, name, value in (
            ("GET", "scrub/findings", "limit", "0"),
            ("GET", "scrub/findings", "open", "perhaps"),
            ("POST", "scrub", "restart", "perhaps"),
        ):
            answer = await operator.ask(method, path, params={name: value})
            assert problem(answer, "invalid-parameter", 422)["field"] == name

    async def test_findings_by_whether_they_are_open(self, at: AtElement, root: Path) -> None:
        strangers = [root / "files" / f"stranger {n}.txt" for n in range(3)]
        small = await filed(at, content=b"small, in the log")
        for stranger in strangers:
            stranger.write_bytes(b"nobody's")
        try:
            with flipped(path_of(root, small)):
                await scrubbed(at)
            assert len(await found(at)) == 4
            assert [item["code"] for item in await found(at, open=True)] == ["O001"] * 3
            assert [item["repaired_from"] for item in await found(at, open=False)] == ["log"]
        finally:
            for stranger in strangers:
                stranger.unlink()
        assert (await scrubbed(at))["open_findings"] == 0

    async def test_whose_verification_it_is(self, edit: AtElement, stranger: AtElement) -> None:
        owner, document = edit, await edit.store()
        told = await owner.told(f"files/{document['file_id']}/verification")
        # No pass came by yet: its checksum was made of what was written.
        assert datetime.fromisoformat(told["verified_at"]) == datetime.fromisoformat(document["created_at"])
        for answer in (
            await stranger.get(f"files/{document['file_id']}/verification"),
            await owner.get(f"files/{GHOST}/verification"),
            await owner.get("files/nonsense/verification"),
        ):
            problem(answer, "not-found", 404)


class TestInterrupted:
    DOCUMENTS = 60
    """A pass lasts 15 seconds, of which it notes every five how far it is."""

    @pytest.fixture
    async def slow(self, own_elements: RunningSystem) -> AtElement:
        """An element that reads four documents in a second."""
        at = AtElement(await own_elements.administrator(), "slow-01")
        missing = self.DOCUMENTS - (await at.told("capacity"))["documents"]
        await asyncio.gather(*(at.store(f"{n}.txt", bytes(64 * 1024)) for n in range(missing)))
        await at.has_followed()
        return at

    async def begun(self, at: AtElement) -> dict[str, Any]:
        """A new pass, once it has read something."""
        assert (await at.ask("POST", "scrub", params={"restart": True})).json()["status"] == "running"
        return await self.reached(at, 3)

    async def reached(self, at: AtElement, documents: int) -> dict[str, Any]:
        """The pass under way, once it has read so many."""
        current: dict[str, Any] = {}

        async def has() -> bool:
            current.update((await at.told("scrub"))["current"])
            return bool(current["documents"] >= documents)

        await eventually(has, "the scrub does not get on")
        return current

    async def test_by_restart_and_kill_it_is_one_pass(
        self, own_elements: RunningSystem, slow: AtElement
    ) -> None:
        begun = await self.begun(slow)
        await own_elements.stop("slow-01")
        journal = own_elements.root("slow-01") / "scrub" / "journal.jsonl"
        before = journal.stat().st_size
        await own_elements.start("slow-01")
        went_on = await self.reached(slow, begun["documents"])
        assert (went_on["number"], went_on["begun_at"]) == (begun["number"], begun["begun_at"])
        # What it noted last before the kill is what it may repeat from.
        await eventually(lambda: journal.stat().st_size > before, "nothing is noted")
        noted = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
        reached = max(line["documents"] for line in noted if line["kind"] == "within")
        await own_elements.kill("slow-01")
        await own_elements.start("slow-01")
        report = await slow.told("scrub")
        under_way = report["current"] or report["last"]
        assert under_way["documents"] >= reached > begun["documents"]
        report = await through(slow, begun["number"])
        assert report["last"]["begun_at"] == begun["begun_at"]
        assert report["last"]["documents"] == self.DOCUMENTS
        assert report["last"]["findings"] == 0

    async def test_by_a_pause_it_goes_on_when_that_is_wanted(self, slow: AtElement) -> None:
        begun = await self.begun(slow)
        assert (await slow.ask("POST", "scrub/pause")).json()["status"] == "paused"
        paused = await slow.told("scrub")
        assert paused["schedule"].get("due_at") is None
        assert paused["current"]["documents"] >= begun["documents"]
        assert await slow.metric("artstore_storage_scrub_running") == 0
        assert (await slow.told("scrub"))["current"] == paused["current"]
        again = (await slow.ask("POST", "scrub")).json()
        assert again["status"] == "running"
        assert again["current"] == paused["current"]
        await self.reached(slow, paused["current"]["documents"] + 1)
        await slow.ask("POST", "scrub/pause")

    async def test_asking_again_changes_nothing_unless_it_is_to_begin_anew(self, slow: AtElement) -> None:
        before = await self.begun(slow)
        again = (await slow.ask("POST", "scrub")).json()["current"]
        assert again["begun_at"] == before["begun_at"]
        assert again["documents"] >= before["documents"]
        anew = (await slow.ask("POST", "scrub", params={"restart": True})).json()["current"]
        assert anew["documents"] == 0
        await slow.ask("POST", "scrub/pause")


class TestSchedule:
    async def test_passes_begin_by_themselves(self, own_elements: RunningSystem) -> None:
        at = AtElement(await own_elements.administrator(), "often-01")
        document = await filed(at)
        before = await at.told("scrub")
        number = before["last"]["number"] if before["last"] else 0
        first = await through(at, number + 1)
        await through(at, first["last"]["number"] + 1)
        path = path_of(own_elements.root("often-01"), document)
        with flipped(path):

            async def noticed() -> bool:
                return bool((await at.told("scrub"))["open_findings"])

            await eventually(noticed, "nobody sees the damage")

        async def well() -> bool:
            return not (await at.told("scrub"))["open_findings"]

        await eventually(well, "the damage stays, though it is none any more")
