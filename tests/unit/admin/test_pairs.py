"""Key pairs: named by their thumbprint, useless without the passphrase."""

import pytest

from artstore.admin.keys.pairs import (
    PassphraseWrong,
    StoredPair,
    encrypt_anew,
    generate_pair,
    open_pair,
    public_key,
)


@pytest.fixture(scope="module")
def pair() -> StoredPair:
    return generate_pair("correct horse battery staple")


def test_kid_is_the_thumbprint_of_the_public_part(pair: StoredPair) -> None:
    assert pair.kid == public_key(pair).thumbprint() == pair.public_jwk["kid"]


def test_published_part_says_what_it_is_for_and_holds_nothing_private(pair: StoredPair) -> None:
    assert pair.public_jwk.keys() == {"kty", "n", "e", "kid", "use", "alg"}
    assert (pair.public_jwk["kty"], pair.public_jwk["use"], pair.public_jwk["alg"]) == ("RSA", "sig", "RS256")
    assert not public_key(pair).is_private


def test_private_part_is_encrypted_pkcs8(pair: StoredPair) -> None:
    assert pair.private_pem is not None
    assert pair.private_pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert pair.private_pem not in repr(pair)


def test_opens_with_the_passphrase(pair: StoredPair) -> None:
    key = open_pair(pair, "correct horse battery staple")
    assert (key.is_private, key.kid) == (True, pair.kid)


def test_wrong_passphrase_is_said_with_the_setting_to_look_at(pair: StoredPair) -> None:
    with pytest.raises(PassphraseWrong, match="ARTSTORE_ADMIN_KEY_PASSPHRASE"):
        open_pair(pair, "wrong")


def test_damaged_private_part_is_refused(pair: StoredPair) -> None:
    assert pair.private_pem is not None
    damaged = StoredPair(pair.kid, pair.public_jwk, pair.private_pem.replace("A", "B", 1)[:-40])
    with pytest.raises(PassphraseWrong):
        open_pair(damaged, "correct horse battery staple")


def test_removed_private_part_is_refused(pair: StoredPair) -> None:
    with pytest.raises(PassphraseWrong):
        open_pair(StoredPair(pair.kid, pair.public_jwk, None), "correct horse battery staple")


def test_private_part_under_another_passphrase(pair: StoredPair) -> None:
    encrypted = encrypt_anew(pair, before="correct horse battery staple", passphrase="another one, as long")
    moved = StoredPair(pair.kid, pair.public_jwk, encrypted)
    assert open_pair(moved, "another one, as long").is_private
    with pytest.raises(PassphraseWrong):
        open_pair(moved, "correct horse battery staple")
