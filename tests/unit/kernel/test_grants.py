"""The grants in a token: short, and read back as they were written."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.kernel.access import Principal
from artstore.kernel.access.grants import GrantsUnreadable, grants_claim, read_grants
from artstore.wire.accounts import MAX_GRANTS
from artstore.wire.scopes import Scope

OWNERS = st.sets(st.uuids(), max_size=MAX_GRANTS)


@given(OWNERS, OWNERS)
def test_what_is_written_is_read(readable: set[UUID], changeable: set[UUID]) -> None:
    read, change = read_grants(grants_claim(readable, changeable))
    assert read == {str(owner) for owner in readable | changeable}
    assert change == {str(owner) for owner in changeable}


def test_nothing_needs_no_claim() -> None:
    assert grants_claim([], []) is None
    assert read_grants(None) == (frozenset(), frozenset())


def test_the_most_grants_fit_into_a_header() -> None:
    claim = grants_claim([], [uuid4() for _ in range(MAX_GRANTS)])
    assert len(str(claim)) < 2000


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["r", "w", "x"]), inner, max_size=3)
        ),
    )
)
def test_anything_else_is_read_or_refused(claim: object) -> None:
    try:
        readable, changeable = read_grants(claim)
    except GrantsUnreadable:
        return
    assert changeable <= readable


@pytest.mark.parametrize(
    "claim",
    [
        [],
        "r",
        {"r": "x"},
        {"r": [1]},
        {"w": ["x"]},
        {"w": ["é" * 22]},
        {"r": ["A" * 22 + "="]},
        {"r": ["A" * 22] * (MAX_GRANTS + 1)},
    ],
)
def test_unreadable(claim: object) -> None:
    with pytest.raises(GrantsUnreadable):
        read_grants(claim)


class TestPrincipal:
    """Who may do what with whose documents, once the route's scope is there."""

    def principal(self, *scopes: Scope) -> Principal:
        return Principal(
            "me",
            "client",
            "name",
            "USER",
            frozenset(scopes),
            "token",
            readable_owners=frozenset({"read", "written"}),
            changeable_owners=frozenset({"written"}),
        )

    def test_without_files_all(self) -> None:
        principal = self.principal()
        owners = ("me", "written", "read", "other")
        assert [principal.may_see(owner) for owner in owners] == [True, True, True, False]
        assert [principal.may_change(owner) for owner in owners] == [True, True, False, False]
        assert [principal.may_delete(owner) for owner in owners] == [True, False, False, False]
        assert principal.visible_owners() == frozenset({"me", "read", "written"})

    def test_with_files_all(self) -> None:
        principal = self.principal(Scope.FILES_ALL)
        for may in (principal.may_see, principal.may_change, principal.may_delete):
            assert may("other")
        assert principal.visible_owners() is None
