"""What the pages show works: their examples are run, and what they say of health, search and metrics is compared."""

import asyncio
import re
import runpy
import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from artstore.sdk.profile import PROFILE_VARIABLE
from tests.support import pages
from tests.support.system import Account, RunningSystem, eventually

SERVICES = {"admin": "Admin", "ingester": "Ingester", "query": "Query", "rw-01": "Storage Element"}


class TestPython:
    async def test_first_upload(
        self,
        system: RunningSystem,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        readme = (pages.ROOT / "README.md").read_text(encoding="utf-8")
        store, find = pages.blocks(readme, "python")
        [shown] = [block for block in pages.blocks(readme, "") if block.startswith("stored ")]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv(PROFILE_VARIABLE, str(system.folder / "profile.json"))

        await run(store, tmp_path / "store.py")
        printed = capsys.readouterr().out
        assert (tmp_path / "copy.txt").read_bytes() == (tmp_path / "report.txt").read_bytes()

        async def found() -> bool:
            await run("from artstore import Client\n" + find, tmp_path / "find.py")
            return bool(capsys.readouterr().out)

        await eventually(found, "the search of README.md finds nothing")
        await run("from artstore import Client\n" + find, tmp_path / "find.py")
        printed += capsys.readouterr().out
        assert without_particulars(printed) == without_particulars(shown)


async def run(code: str, path: Path) -> None:
    path.write_text(code, encoding="utf-8")
    await asyncio.to_thread(runpy.run_path, str(path))


def without_particulars(printed: str) -> list[str]:
    """Ids and times differ from run to run."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", printed)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "TIME", text).splitlines()


class TestCurl:
    async def test_way_of_a_document(self, system: RunningSystem, tmp_path: Path) -> None:
        """The commands of the page on the API, one after another in one shell."""
        page = pages.read("api.md")
        addresses = {
            "http://127.0.0.1:8000": system.admin_url,
            "http://127.0.0.1:8020": system.ingester_url,
            "http://127.0.0.1:8030": system.query_url,
            "http://127.0.0.1:8011": system.element_urls["rw-01"],
        }
        commands = "\n".join(pages.blocks(page, "sh"))
        commands = re.sub("|".join(addresses), lambda found: addresses[found[0]], commands)
        (tmp_path / "contract.txt").write_text("between Almaz and us\n", encoding="utf-8")
        account = await system.create_account("ADMIN")  # the last commands read the audit trail
        client_id, client_secret = account.credentials
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        shell = await asyncio.create_subprocess_exec(
            "sh",
            *("-e", "-c", commands),
            env={"CLIENT_ID": client_id, "CLIENT_SECRET": client_secret, "PATH": path},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await shell.communicate()
        assert shell.returncode == 0, err.decode()
        assert (tmp_path / "copy.txt").read_bytes() == (tmp_path / "contract.txt").read_bytes()
        [changed] = [answer for answer in out.decode().split("}{") if '"description":"Signed"' in answer]
        assert "Almaz" not in changed


class TestHealth:
    @pytest.mark.parametrize("name", SERVICES)
    async def test_every_dependency_is_told(self, system: RunningSystem, name: str) -> None:
        told = {
            row["dependency"].strip("`")
            for row in pages.rows(pages.read("operating.md"), "service")
            if row["service"] in ("all", SERVICES[name], *(["all but Admin"] if name != "admin" else []))
            and "bucket" not in row["while it is down"]
        }
        assert told == set((await system.health(name))["dependencies"])


class TestSearch:
    async def test_table_of_questions(self, account: Account) -> None:
        table = pages.rows(pages.read("search.md"), "question")
        names = [column for column in table[0].cells if column != "question"]
        stored = [(await account.upload(name, name.encode())).json() for name in names]
        for document in stored:
            await account.find("", document["file_id"])
        for row in table:
            found = {hit["original_filename"] for hit in await account.search(row.name)}
            assert found == {name for name in names if row[name] == "found"}, row.name


class TestMetrics:
    async def test_nothing_is_counted_that_is_not_told(self, system: RunningSystem, account: Account) -> None:
        stored = (await account.upload("counted.txt", b"counted")).json()
        await account.find("counted", stored["file_id"])
        await account.download(stored["file_id"])
        told = {row.name for row in pages.rows(pages.read("metrics.md"), "metric")}
        urls = [system.admin_url, system.ingester_url, system.query_url, *system.element_urls.values()]
        async with httpx.AsyncClient(timeout=30) as http:
            for url in urls:
                counted = (await http.get(f"{url}/metrics")).text
                for family in text_string_to_metric_families(counted):
                    if family.name.startswith("artstore_") and not family.name.endswith("_created"):
                        name = f"{family.name}_total" if family.type == "counter" else family.name
                        assert name in told
