"""Access tokens: what is good, and every way of not being good."""

import base64
import json
import time
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from artstore.kernel.access import KeysUnavailable, Principal, TokenVerifier
from artstore.kernel.access import tokens as tokens_module
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

from .conftest import IN_AN_HOUR, ISSUER, Issuer, Keys, at_present, encode


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = [encode(json.dumps(part).encode()) for part in (header, claims)]
    return b".".join([*parts, b""]).decode()


async def refusal(verifier: TokenVerifier, token: str) -> Problem:
    with pytest.raises(Problem) as caught:
        await verifier.verify(token)
    return caught.value


class TestGoodToken:
    async def test_principal(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        token = issuer.token(scope="files:read unknown:scope")
        principal = await verifier.verify(token)
        assert principal == Principal(
            "7e0f0f3c-55a4-4b7e-9d7c-1d1c9b1f0001",
            "client-1",
            "billing",
            "USER",
            frozenset({Scope.FILES_READ}),
            token,
            jti="token-1",
        )

    async def test_token_is_not_printed(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        token = issuer.token()
        assert token not in repr(await verifier.verify(token))

    async def test_audience_may_be_one_of_several(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        assert (await verifier.verify(issuer.token(aud=["other", "artstore"]))).username == "billing"

    async def test_no_scopes(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        assert (await verifier.verify(issuer.token(scope=""))).scopes == frozenset()

    @pytest.mark.parametrize("changed", [{"exp": -59}, {"nbf": 59}, {"iat": 59}])
    async def test_clocks_may_differ(self, issuer: Issuer, changed: dict[str, int]) -> None:
        now = int(time.time())
        moments: dict[str, Any] = {name: now + seconds for name, seconds in changed.items()}
        verifier = TokenVerifier(Keys(issuer), ISSUER, now=lambda: now)
        assert (await verifier.verify(issuer.token(**moments))).username == "billing"


class TestBadToken:
    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"iss": "http://evil.example"}, "another issuer"),
            ({"aud": "other"}, "another audience"),
            ({"aud": ["other"]}, "another audience"),
            ({"aud": {"artstore": 1}}, "another audience"),
            ({"exp": 1}, "expired"),
            ({"nbf": IN_AN_HOUR}, "not valid yet"),
            ({"iat": IN_AN_HOUR}, "not valid yet"),
            ({"exp": "tomorrow"}, "lacks the claim exp"),
            ({"exp": True}, "lacks the claim exp"),
            ({"exp": float("nan")}, "lacks the claim exp"),
            ({"exp": float("inf")}, "lacks the claim exp"),
            ({"sub": 7}, "lacks the claim sub"),
            ({"username": ""}, "lacks the claim username"),
        ],
    )
    async def test_claim(
        self, issuer: Issuer, verifier: TokenVerifier, changed: dict[str, Any], sentence: str
    ) -> None:
        problem = await refusal(verifier, issuer.token(**at_present(changed)))
        assert problem.kind is ProblemType.UNAUTHENTICATED
        assert sentence in problem.detail

    @pytest.mark.parametrize(
        "name",
        ["iss", "sub", "aud", "iat", "nbf", "exp", "jti", "client_id", "role", "scope", "username"],
    )
    async def test_missing_claim(self, issuer: Issuer, verifier: TokenVerifier, name: str) -> None:
        assert (await refusal(verifier, issuer.token(**{name: None}))).kind is ProblemType.UNAUTHENTICATED

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
    async def test_unsigned(self, issuer: Issuer, verifier: TokenVerifier, algorithm: str) -> None:
        token = unsigned({"alg": algorithm, "kid": "one"}, issuer.claims())
        assert "RS256" in (await refusal(verifier, token)).detail

    async def test_says_rs256_without_signature(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        token = unsigned({"alg": "RS256", "kid": "one"}, issuer.claims())
        assert "not signed as it says" in (await refusal(verifier, token)).detail

    async def test_public_key_as_shared_secret(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        assert "RS256" in (await refusal(verifier, issuer.hmac_with_public_key())).detail

    @pytest.mark.parametrize("algorithm", ["RS512", "PS256"])
    async def test_other_algorithm(self, issuer: Issuer, verifier: TokenVerifier, algorithm: str) -> None:
        token = issuer.token({"alg": algorithm, "kid": "one"})
        assert "RS256" in (await refusal(verifier, token)).detail

    async def test_foreign_key(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        token = issuer.token(key=RSAKey.generate_key(2048))
        assert "not signed as it says" in (await refusal(verifier, token)).detail

    async def test_changed_claims(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        head, _, signature = issuer.token().split(".")
        body = unsigned({}, issuer.claims(scope="files:all")).split(".")[1]
        problem = await refusal(verifier, f"{head}.{body}.{signature}")
        assert problem.kind is ProblemType.UNAUTHENTICATED

    @pytest.mark.parametrize("header", [{"alg": "RS256"}, {"alg": "RS256", "kid": ""}])
    async def test_no_key_id(self, issuer: Issuer, verifier: TokenVerifier, header: dict[str, str]) -> None:
        assert "name its key" in (await refusal(verifier, issuer.token(header))).detail

    async def test_key_id_is_not_text(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        token = unsigned({"alg": "RS256", "kid": ["one"]}, issuer.claims())
        assert "name its key" in (await refusal(verifier, token)).detail

    async def test_unknown_key(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        token = issuer.token({"alg": "RS256", "kid": "two"})
        assert "not known" in (await refusal(verifier, token)).detail

    @pytest.mark.parametrize(
        "token",
        [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            "e30.e30.",
            "W10.e30.AA",  # the head is a list
            "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9.W10.AA",
            "é.é.é",
            "\ud800.a.b",
            base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.AA",
            "A" * 100_000,
        ],
    )
    async def test_nonsense(self, verifier: TokenVerifier, token: str) -> None:
        assert (await refusal(verifier, token)).kind is ProblemType.UNAUTHENTICATED

    async def test_challenge(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        problem = await refusal(verifier, issuer.token(exp=1))
        assert problem.headers["WWW-Authenticate"] == (
            'Bearer realm="artstore", error="invalid_token", '
            'error_description="The access token has expired."'
        )


class TestKeysAway:
    async def test_is_503_not_401(self, issuer: Issuer) -> None:
        class Away:
            async def key(self, kid: str) -> RSAKey | None:
                raise KeysUnavailable

            def knows(self, kid: str) -> bool:
                return False

        problem = await refusal(TokenVerifier(Away(), ISSUER), issuer.token())
        assert problem.kind is ProblemType.DEPENDENCY_UNAVAILABLE


class TestRemembering:
    async def test_second_time_costs_no_key(self, issuer: Issuer, verifier: TokenVerifier) -> None:
        token = issuer.token()
        first = await verifier.verify(token)
        asked = issuer.asked
        assert await verifier.verify(token) is first
        assert issuer.asked == asked

    async def test_is_verified_again_after_a_minute(self, issuer: Issuer) -> None:
        now = time.time()
        verifier = TokenVerifier(Keys(issuer), ISSUER, now=lambda: now)
        token = issuer.token()
        await verifier.verify(token)
        asked = issuer.asked
        now += 61
        await verifier.verify(token)
        assert issuer.asked == asked + 1

    async def test_expires_while_remembered(self, issuer: Issuer) -> None:
        now = time.time()
        verifier = TokenVerifier(Keys(issuer), ISSUER, now=lambda: now)
        token = issuer.token(exp=int(now) - 30)
        await verifier.verify(token)
        now += 31
        assert "expired" in (await refusal(verifier, token)).detail

    async def test_ends_with_its_key(self, issuer: Issuer) -> None:
        keys = Keys(issuer)
        verifier = TokenVerifier(keys, ISSUER)
        token = issuer.token()
        await verifier.verify(token)
        keys.revoked.add("one")
        assert "not known" in (await refusal(verifier, token)).detail

    async def test_is_bounded(
        self, issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tokens_module, "_REMEMBER_TOKENS", 2)
        tokens = [issuer.token(jti=str(number)) for number in range(3)]
        for token in tokens:
            await verifier.verify(token)
        asked = issuer.asked
        await verifier.verify(tokens[2])
        assert issuer.asked == asked
        await verifier.verify(tokens[0])
        assert issuer.asked == asked + 1


class TestPrincipal:
    def test_sees_its_own(self) -> None:
        principal = Principal("a", "c", "u", "USER", frozenset({Scope.FILES_READ}), "t")
        assert principal.may_see("a")
        assert not principal.may_see("b")

    def test_sees_all_with_the_scope(self) -> None:
        assert Principal("a", "c", "u", "ADMIN", frozenset({Scope.FILES_ALL}), "t").may_see("b")
