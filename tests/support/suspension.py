"""Whether a token is taken, at every service of a system."""

import asyncio
import uuid

from tests.support.system import Account, RunningSystem, eventually


async def services_that_take_it(system: RunningSystem, token: str) -> set[str]:
    """The services that do not answer 401; what they answer otherwise does not matter."""
    nothing = uuid.UUID(int=7)
    questions = {
        "admin": f"{system.admin_url}/api/v1/storage-elements",
        "query": f"{system.query_url}/api/v1/search",
        "ingester": f"{system.ingester_url}/api/v1/files/upload",
        **{name: f"{url}/api/v1/files/{nothing}" for name, url in system.element_urls.items()},
    }
    account = Account(system, "anybody", "", "")
    account.http.headers["Authorization"] = f"Bearer {token}"
    try:
        answers = await asyncio.gather(
            *(
                account.http.request("POST" if name == "ingester" else "GET", url)
                for name, url in questions.items()
            )
        )
    finally:
        await account.http.aclose()
    return {name for name, answer in zip(questions, answers, strict=True) if answer.status_code != 401}


async def refused_everywhere(system: RunningSystem, token: str) -> None:
    """Until no service takes the token."""

    async def refused() -> bool:
        return not await services_that_take_it(system, token)

    await eventually(refused, "it is still taken")
