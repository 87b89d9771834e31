"""Revoked tokens: refused at once, remembered as long as they could be good, and no longer."""

import time
from uuid import UUID

import pytest

from artstore.admin.revocations import feed
from artstore.kernel.access import RevocationList, TokenVerifier, revocation_follower
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from artstore.wire.revocations import Revocation

from .conftest import ISSUER, Issuer, Keys

ACCOUNT = UUID("7e0f0f3c-55a4-4b7e-9d7c-1d1c9b1f0001")
SESSION = UUID("7e0f0f3c-55a4-4b7e-9d7c-1d1c9b1f0003")
OTHER = UUID("7e0f0f3c-55a4-4b7e-9d7c-1d1c9b1f0002")


def of_token(jti: str, until: float | None = None) -> Revocation:
    return Revocation(position=1, account_id=ACCOUNT, jti=jti, until=until or time.time() + 100)


def of_session(session_id: UUID, until: float | None = None) -> Revocation:
    return Revocation(position=1, account_id=ACCOUNT, session_id=session_id, until=until or time.time() + 100)


def of_account(epoch: int, account_id: UUID = ACCOUNT, until: float | None = None) -> Revocation:
    return Revocation(position=1, account_id=account_id, epoch=epoch, until=until or time.time() + 100)


async def is_good(verifier: TokenVerifier, token: str) -> bool:
    try:
        await verifier.verify(token)
    except Problem as problem:
        told = (problem.kind, problem.detail)
    else:
        return True
    assert told == (ProblemType.UNAUTHENTICATED, "The access token has been revoked.")
    return False


def test_the_pauses_add_up_to_less_than_the_five_seconds_that_are_promised() -> None:
    """Of a service that hears nothing from Redis and asks an Admin process which did not decide itself."""
    silence = revocation_follower._SILENCE_SECONDS + revocation_follower._LOOK_SECONDS
    assert silence + feed._LOOK_SECONDS + revocation_follower._LOOK_SECONDS < 5


class TestVerifier:
    @pytest.fixture
    def revocations(self) -> RevocationList:
        return RevocationList()

    @pytest.fixture
    def verifier(self, issuer: Issuer, revocations: RevocationList) -> TokenVerifier:
        return TokenVerifier(Keys(issuer), ISSUER, revocations)

    async def test_a_token_that_was_verified_before(
        self, issuer: Issuer, verifier: TokenVerifier, revocations: RevocationList
    ) -> None:
        token, other = issuer.token(), issuer.token(jti="token-2")
        assert [await is_good(verifier, one) for one in (token, other)] == [True, True]
        revocations.learn([of_token("token-1")])
        assert [await is_good(verifier, one) for one in (token, other)] == [False, True]

    async def test_all_tokens_of_an_account_up_to_an_epoch(
        self, issuer: Issuer, verifier: TokenVerifier, revocations: RevocationList
    ) -> None:
        tokens = [issuer.token(epoch=epoch) for epoch in (None, 0, 1, 2)]
        assert [await is_good(verifier, token) for token in tokens] == [True] * 4
        revocations.learn([of_account(1)])
        assert [await is_good(verifier, token) for token in tokens] == [False, False, True, True]

    async def test_the_tokens_of_a_session(
        self, issuer: Issuer, verifier: TokenVerifier, revocations: RevocationList
    ) -> None:
        tokens = [issuer.token(sid=sid, jti=str(sid)) for sid in (str(SESSION), str(OTHER), None)]
        assert [await is_good(verifier, token) for token in tokens] == [True] * 3
        revocations.learn([of_session(SESSION)])
        assert [await is_good(verifier, token) for token in tokens] == [False, True, True]

    async def test_other_accounts_go_on(
        self, issuer: Issuer, verifier: TokenVerifier, revocations: RevocationList
    ) -> None:
        revocations.learn([of_account(9, OTHER)])
        assert await is_good(verifier, issuer.token())

    @pytest.mark.parametrize("epoch", [-1, "1", True, 1.5])
    async def test_epoch_that_is_none(self, issuer: Issuer, verifier: TokenVerifier, epoch: object) -> None:
        with pytest.raises(Problem, match="epoch"):
            await verifier.verify(issuer.token(epoch=epoch))

    @pytest.mark.parametrize("grants", [[], {"r": ["x"]}])
    async def test_grants_that_are_none(
        self, issuer: Issuer, verifier: TokenVerifier, grants: object
    ) -> None:
        with pytest.raises(Problem, match="grants"):
            await verifier.verify(issuer.token(grants=grants))


class TestList:
    def test_an_older_entry_changes_nothing(self) -> None:
        revocations = RevocationList()
        revocations.learn([of_account(3), of_account(2), of_token("a"), of_token("a")])
        assert len(revocations) == 2
        assert revocations._accounts[str(ACCOUNT)][0] == 3

    def test_expired_entries_are_forgotten_and_others_kept(self) -> None:
        now = 1000.0
        revocations = RevocationList(now=lambda: now)
        revocations.learn(
            [of_token("a", 1100), of_token("b", 2100), of_account(1, until=1100), of_account(1, OTHER, 2100)]
        )
        now = 1500.0
        revocations.forget_expired()
        assert len(revocations) == 2

    def test_expired_sessions_too(self) -> None:
        now = 1000.0
        revocations = RevocationList(now=lambda: now)
        revocations.learn([of_session(SESSION, 1100), of_session(OTHER, 2100)])
        now = 1500.0
        revocations.forget_expired()
        assert set(revocations._sessions) == {str(OTHER)}

    def test_an_empty_list_is_a_list(self, issuer: Issuer) -> None:
        """It has a length of 0, and must not be taken for none."""
        revocations = RevocationList()
        assert TokenVerifier(Keys(issuer), ISSUER, revocations)._revocations is revocations
