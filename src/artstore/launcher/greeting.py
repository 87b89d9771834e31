"""What a person reads once the system runs: addresses, where the data is, commands to paste."""

import base64
import json
import shlex
import shutil
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from artstore.launcher.environment import INITIAL_ADMINISTRATOR
from artstore.launcher.errors import CannotStart
from artstore.launcher.system import System

_TIMEOUT_SECONDS = 10


def greeting(system: System, seconds: float) -> str:
    """The text, with a fresh access token in it. Raises CannotStart when Admin gives none."""
    token = fresh_token(system)
    profile = system.profile
    elements = "\n".join(_element_line(system, element.element_id) for element in system.settings.elements)
    password_file = system.folder.initial_admin_password
    path, program = shlex.quote(str(system.folder.profile)), _program()
    return f"""\
ArtStore is ready after {seconds:.1f} s.

  Admin       {profile.admin_url}   (its API: {profile.admin_url}/docs, and so for each service)
  Ingester    {profile.ingester_url}
  Query       {profile.query_url}
{elements}

  Data        {system.folder.path}
  Profile     {system.folder.profile}   (addresses and an account, for the CLI and the SDK)
  Logs        {system.folder.path / "logs"}
  First login {INITIAL_ADMINISTRATOR}   (password, until you change it: {password_file})

To paste into a shell (the token is good for {_minutes(token)} minutes):

TOKEN={token["access_token"]}
echo 'my first document' > first.txt
ID=$(curl -sS -H "Authorization: Bearer $TOKEN" -F description='A trial' -F file=@first.txt \\
  {profile.ingester_url}/api/v1/files/upload | tee /dev/stderr | grep -o '"file_id": *"[^"]*' | cut -d'"' -f4)
curl -sS -H "Authorization: Bearer $TOKEN" -G --data-urlencode 'q=trial' {profile.query_url}/api/v1/search
curl -sS -H "Authorization: Bearer $TOKEN" -o copy.txt {profile.query_url}/api/v1/files/$ID/download

Or: export ARTSTORE_PROFILE={path}; {program} put first.txt; {program} search first

Ctrl-C stops everything."""


def _program() -> str:
    """What a shell finds the command line by: its name where that is enough, else its file beside Python."""
    if shutil.which("artstore") is not None:
        return "artstore"
    return shlex.quote(str(Path(sys.executable).with_name("artstore")))


def _element_line(system: System, name: str) -> str:
    return f"  {name:<12}{system.url(name)}   {system.folder.element_root(name)}"


def fresh_token(system: System) -> dict[str, Any]:
    """A token response for the initial account, asked for as any client does."""
    profile = system.profile
    credentials = base64.b64encode(f"{profile.client_id}:{profile.client_secret}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - the address is the one that we gave to Admin
        f"{profile.admin_url}/api/v1/auth/token",
        data=urllib.parse.urlencode({"grant_type": "client_credentials"}).encode(),
        headers={"Authorization": f"Basic {credentials}"},
    )
    # Not through a proxy of the environment: the address is this machine's own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            answer: dict[str, Any] = json.load(response)
    except (OSError, ValueError) as error:
        raise CannotStart("admin", f"it gives no token: {error}", system.folder.log("admin")) from error
    return answer


def _minutes(token: dict[str, Any]) -> int:
    return int(token["expires_in"]) // 60
