"""An issuer of access tokens, and an application to ask, for the tests of the kernel."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import RSAKey

from artstore.kernel import logging as our_logging
from artstore.kernel.access import TokenVerifier

ISSUER = "http://admin.example"
IN_AN_HOUR = object()
"""A claim of a parameter. Parameters are made when the run begins, and the test may come an hour later."""


def at_present(claims: dict[str, Any]) -> dict[str, Any]:
    """With the moment for ``IN_AN_HOUR``."""
    return {name: time.time() + 3600 if value is IN_AN_HOUR else value for name, value in claims.items()}


class Issuer:
    """Signs what it is told to; a source of its own public keys."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.public_key = RSAKey.import_key(self.key.as_dict(private=False))
        self.asked = 0

    async def key_of(self, kid: str) -> RSAKey | None:
        self.asked += 1
        return self.public_key if kid == "one" else None

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": "7e0f0f3c-55a4-4b7e-9d7c-1d1c9b1f0001",
            "aud": "artstore",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "jti": "token-1",
            "client_id": "client-1",
            "role": "USER",
            "scope": "files:read files:write",
            "username": "billing",
        }
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def token(self, header: dict[str, Any] | None = None, key: Any = None, **changed: Any) -> str:
        """A token; a claim given as None is left out."""
        header = {"alg": "RS256", "kid": "one"} if header is None else header
        algorithms = ["RS256", "RS512", "PS256"]
        return jwt.encode(header, self.claims(**changed), key or self.key, algorithms=algorithms)

    def hmac_with_public_key(self) -> str:
        """The classic confusion: the public key's text taken for a shared secret."""
        head, claims = {"alg": "HS256", "kid": "one"}, self.claims()
        signed = b".".join(encode(json.dumps(part).encode()) for part in (head, claims))
        mac = hmac.digest(self.public_key.as_pem(private=False), signed, "sha256")
        return (signed + b"." + encode(mac)).decode()


def encode(part: bytes) -> bytes:
    """Base64url without padding, as in every part of a token."""
    return base64.urlsafe_b64encode(part).rstrip(b"=")


class Keys:
    """The key source of the issuer."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self.revoked: set[str] = set()

    async def key(self, kid: str) -> RSAKey | None:
        return await self._issuer.key_of(kid) if self.knows(kid) else None

    def knows(self, kid: str) -> bool:
        return kid not in self.revoked


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier(Keys(issuer), ISSUER)


@pytest.fixture
def client_of() -> Callable[[FastAPI], Any]:
    """Opens a client that calls an application in this process, its lifespan included."""

    @asynccontextmanager
    async def open_client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://service.example") as client,
        ):
            yield client

    return open_client


@pytest.fixture
def logged(capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[[], list[dict[str, Any]]]:
    """Gives the lines that were logged since it was last called."""
    our_logging.configure("test", "debug")

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]

    return lines
