"""An element that is drained takes no new documents, and everything else goes on."""

from tests.support.everywhere import decide, status_of_upload, takes
from tests.support.system import Account, RunningSystem


async def test_no_new_documents(system: RunningSystem, admin: Account, account: Account) -> None:
    stored = (await account.upload("before.txt", b"before")).json()
    await decide(admin, "drain")
    try:
        await takes(account, nothing=True)
        answer = await account.upload("drained.txt", b"content")
        assert answer.json()["type"] == "urn:artstore:problem:no-element-available"
        assert await status_of_upload(account, retention_policy="temporary") == 201
        assert (await account.download(stored["file_id"])).content == b"before"
    finally:
        await decide(admin, "activate")
    await takes(account, nothing=False)
