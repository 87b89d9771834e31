"""Secrets where the test process meets them: by the names of what carries them."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support.secrecy.ledger import Ledger

_FIELDS = {
    "client_secret": "a client secret",
    "password": "a password",
    "old_password": "a password",
    "new_password": "a password",
    "code": "a one-time code",
    "reset_code": "a one-time code",
    "recovery_codes": "a one-time code",
    "refresh_token": "a refresh token",
    "access_token": "an access token",
    "token": "an access token",
    "client_assertion": "an assertion",
    "ticket": "a ticket",
    "secret": "the secret of a second factor",
    "otpauth_uri": "the secret of a second factor",
}
_VARIABLE = re.compile(r"ARTSTORE_\w*(SECRET|SECRET_ACCESS_KEY|PASSWORD|PASSPHRASE|PASSPHRASE_BEFORE|TOKEN)")
_ADDRESS = re.compile(r"ARTSTORE_\w*_URL")
_LINK = re.compile(r"(?<=/api/v1/links/)[\w-]{43}(?=/download)")
_TICKET = re.compile(r"(?<=/api/v1/tickets/)[\w-]+\.[\w-]+\.[\w-]+(?=/download)")
_MOST_BYTES = 1 << 18
_REFRESH_COOKIE = "artstore-refresh"


def in_header(ledger: Ledger, name: str, value: str) -> None:
    """A header of a request, or of an answer that sets a cookie."""
    name = name.lower()
    if name == "location" and (ticket := _TICKET.search(value)) is not None:
        ledger.add("a ticket", ticket[0])
    scheme, _, credentials = value.partition(" ")
    if name == "authorization" and scheme.lower() == "bearer":
        ledger.add("an access token", credentials.strip())
    elif name == "x-service-token":
        ledger.add("an access token", value.strip())
    elif name == "authorization" and scheme.lower() == "basic":
        try:
            client, _, secret = base64.b64decode(credentials).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return
        ledger.add_pair("a client secret", client, unquote(secret))
    elif name in ("cookie", "set-cookie"):
        for pair in value.split(";"):
            cookie, _, content = pair.strip().partition("=")
            if cookie == _REFRESH_COOKIE:
                ledger.add("a refresh token", content)


def in_body(ledger: Ledger, content_type: str, body: bytes) -> None:
    """A form or JSON, of a request or of an answer."""
    if len(body) > _MOST_BYTES:
        return
    try:
        if "x-www-form-urlencoded" in content_type:
            in_fields(ledger, [(name, value) for name, value in parse_qsl(body.decode())])
        elif "json" in content_type:
            in_fields(ledger, json.loads(body))
    except (ValueError, RecursionError):
        return  # a test of bad input


def in_fields(ledger: Ledger, found: object) -> None:
    for name, value in _leaves(found):
        if name in _FIELDS:
            ledger.add(_FIELDS[name], value)
        elif name == "url" and (link := _LINK.search(value)) is not None:
            ledger.add("the secret of a link", link[0])


def shown(url: str) -> str:
    """The address without what only its answer is to be searched for."""
    return _TICKET.sub("…", _LINK.sub("…", url.partition("?")[0]))


def in_environment(ledger: Ledger, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        if _VARIABLE.fullmatch(name):
            ledger.add(_what(name), value)
        elif _ADDRESS.fullmatch(name):
            _in_address(ledger, value)


def in_file(ledger: Ledger, path: Path) -> None:
    """A file in which a system keeps a secret: the settings of a service, a password, a profile."""
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    if text.startswith("{"):
        in_body(ledger, "json", text.encode())
    elif "://" in text:
        _in_address(ledger, text)
    elif path.suffix != ".conf":
        ledger.add(_what(path.name), text)


def _in_address(ledger: Ledger, url: str) -> None:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        ledger.add("the password of a database or of Redis", unquote(password))


def _what(name: str) -> str:
    for word, kind in (
        ("passphrase", "the passphrase of the keys"),
        ("access_key", "an S3 key"),
        ("secret", "a client secret"),
    ):
        if word in name.lower():
            return kind
    return "a password"


def _leaves(found: object, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _leaves(value, str(key))
    elif isinstance(found, list | tuple):
        if len(found) == 2 and not name and all(isinstance(each, str) for each in found):
            yield found[0], found[1]
        else:
            for each in found:
                yield from _leaves(each, name)
    elif isinstance(found, str):
        yield name, found
