"""Which documents an archive is asked for."""

from uuid import UUID

from artstore.wire.archives import NewArchive


def test_null_says_nothing() -> None:
    """As clients write it that are generated from the description."""
    ids = [str(UUID(int=1))]
    asked = NewArchive.model_validate({"ids": ids, "q": None, "partial": None, "mode": None})
    assert asked == NewArchive.model_validate({"ids": ids})
