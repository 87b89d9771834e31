"""What may go, and when: a temporary document, which can be kept longer; never a permanent one."""

from datetime import UTC, datetime, timedelta

from artstore.attributes import FileAttributes, RetentionPolicy
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


def extended(attributes: FileAttributes, ttl_days: int, now: datetime) -> FileAttributes:
    """The document, kept for so many days from ``now``. Raises Problem CONFLICT.

    What has expired is not extended: the audit trail may have it already. Under a legal hold it is not going
    to be removed, so there it is.
    """
    before = attributes.expires_at
    if attributes.retention_policy is not RetentionPolicy.TEMPORARY:
        raise Problem(ProblemType.CONFLICT, "Only temporary documents expire, and this is none.")
    if before is None:
        raise Problem(
            ProblemType.CONFLICT, "The document does not expire by itself; it has no end to put off."
        )
    if before <= now and attributes.legal_hold is None:
        raise Problem(ProblemType.CONFLICT, "The document has expired and is being removed.")
    after = now + timedelta(days=ttl_days)
    if after < before:
        raise Problem(
            ProblemType.CONFLICT,
            f"The document is kept until {before.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} already, which is later;"
            " its time is never shortened.",
            expires_at=before.isoformat(),
        )
    return attributes.changed(expires_at=after)


def demand_temporary(attributes: FileAttributes) -> None:
    """Raises Problem RETAINED for a document that nobody deletes, also in an element that allows deletion.

    Adopted documents may say nothing of how long they are kept.
    """
    if attributes.retention_policy is RetentionPolicy.PERMANENT:
        raise Problem(
            ProblemType.RETAINED,
            "The document is permanent. Nobody deletes it; it goes with its storage element, when the"
            " retention period of that is over.",
        )


def is_over(attributes: FileAttributes, now: datetime) -> bool:
    """Whether the document is to be removed: its time is over, and nothing keeps it."""
    return (
        attributes.expires_at is not None
        and attributes.expires_at <= now
        and attributes.legal_hold is None
        and attributes.transfer_id is None
        and attributes.retention_policy is not RetentionPolicy.PERMANENT
    )
