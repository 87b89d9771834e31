"""The access tokens that ended before their time, in memory, so that asking at each request costs nothing."""

import time
from collections.abc import Callable, Iterable

from prometheus_client import Gauge

from artstore.kernel.access.principal import Principal
from artstore.wire.revocations import Revocation

_ENTRIES = Gauge("artstore_access_revocations", "Revocations of access tokens that this process knows")


class RevocationList:
    """What a TokenVerifier asks about every token, also about one that it has verified before.

    Filled by a follower (``kernel.peers.RevocationFollower``; in Admin, its own). What was learned is kept
    until the tokens it ends have expired: applying an entry again, or an older one later, changes nothing.
    ``now`` gives seconds since 1970.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._tokens: dict[str, float] = {}
        self._sessions: dict[str | None, float] = {}
        self._accounts: dict[str, tuple[int, float]] = {}
        self.position = 0
        """Every revocation up to this one is in the list."""

    def covers(self, principal: Principal) -> bool:
        """Whether the token of this principal has been revoked."""
        if principal.jti in self._tokens or principal.session_id in self._sessions:
            return True
        account = self._accounts.get(principal.account_id)
        return account is not None and principal.epoch < account[0]

    def learn(self, revocations: Iterable[Revocation]) -> None:
        for revocation in revocations:
            if revocation.jti is not None:
                self._tokens[revocation.jti] = revocation.until
            elif revocation.session_id is not None:
                self._sessions[str(revocation.session_id)] = revocation.until
            elif revocation.account_id is not None:
                account_id = str(revocation.account_id)
                known = self._accounts.get(account_id, (0, 0.0))
                self._accounts[account_id] = max(known, (revocation.epoch, revocation.until))
        _ENTRIES.set(len(self))

    def forget_expired(self) -> None:
        """Drops what can end no token any more."""
        now = self._now()
        self._tokens = {jti: until for jti, until in self._tokens.items() if until > now}
        self._sessions = {session: until for session, until in self._sessions.items() if until > now}
        self._accounts = {account: entry for account, entry in self._accounts.items() if entry[1] > now}
        _ENTRIES.set(len(self))

    def __len__(self) -> int:
        return len(self._tokens) + len(self._sessions) + len(self._accounts)
