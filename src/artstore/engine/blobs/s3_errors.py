"""What obstore raises, in the engine's own words.

obstore puts what the server answered into the text of its errors: addresses, the account, parts of what was
signed. Of that text only the S3 error code and the HTTP status are ever taken, and its errors are not kept as
causes, so that nothing of it comes into a log, a health report or an answer.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore import exceptions as obstore

from artstore.engine.blobs.contract import BlobMissing
from artstore.engine.errors import StoreRefuses, StoreUnavailable

_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,64})</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_KIND = re.compile(r"kind: (Connect|Timeout)\b")

_REFUSALS = {
    "NoSuchBucket": "the bucket does not exist; create it, or correct the setting",
    "InvalidBucketName": "the store takes no bucket of this name; correct the setting",
    "AccessDenied": "the account may not use the bucket; let it list, read, write and delete there",
    "AllAccessDisabled": "access to the bucket is disabled; ask who runs the store",
    "AccountProblem": "there is a problem with the account; ask who runs the store",
    "InvalidAccessKeyId": "the access key is not known; correct the setting",
    "SignatureDoesNotMatch": "the access key or its secret is wrong; correct the settings",
    "ExpiredToken": "the credentials have expired; give new ones",
    "InvalidToken": "the credentials are not valid; give new ones",
    "AuthorizationHeaderMalformed": "the region is wrong; correct the setting",
    "IllegalLocationConstraintException": "the region is wrong; correct the setting",
    "PermanentRedirect": "the bucket lies at another endpoint or in another region; correct the settings",
    "RequestTimeTooSkewed": "its clock and ours differ too much; set the clock",
    "QuotaExceeded": "it has no more room for this account; raise the quota",
    "EntityTooLarge": "the document is larger than what it takes",
    "MethodNotAllowed": "it does not allow an operation that is needed",
    "NotImplemented": "it lacks an operation that is needed",
}
"""S3 error codes that only people can do something about."""

_BY_STATUS = {
    401: "it does not accept the credentials; correct the settings",
    403: "access is forbidden: wrong credentials, or no right to list, read, write and delete in the bucket",
    404: "there is no S3 at the endpoint, or no such bucket; correct the settings",
    405: "it does not allow an operation that is needed",
    501: "it lacks an operation that is needed",
    507: "it has no more room",
}
"""For answers without a code."""

BY_CLASS: dict[type[Exception], tuple[type[StoreUnavailable], str]] = {
    obstore.PermissionDeniedError: (StoreRefuses, _BY_STATUS[403]),
    obstore.UnauthenticatedError: (StoreRefuses, _BY_STATUS[401]),
    obstore.NotFoundError: (StoreRefuses, _BY_STATUS[404]),
    obstore.NotSupportedError: (StoreRefuses, _BY_STATUS[501]),
    obstore.InvalidPathError: (StoreRefuses, "a name cannot be a key"),
    obstore.UnknownConfigurationKeyError: (StoreRefuses, "an option is not known"),
    obstore.AlreadyExistsError: (StoreRefuses, "something is there already"),
    obstore.PreconditionError: (StoreRefuses, "a condition of the request does not hold"),
    obstore.NotModifiedError: (StoreRefuses, "a condition of the request does not hold"),
    obstore.JoinError: (StoreUnavailable, "the request was broken off"),
    obstore.GenericError: (StoreUnavailable, "the request failed"),
    obstore.BaseError: (StoreUnavailable, "the request failed"),
    NotImplementedError: (StoreRefuses, _BY_STATUS[501]),
    ValueError: (StoreRefuses, "a name cannot be a key"),
}
"""Every class of obstore's errors, and what else it raises, where neither code nor status is told."""
_OTHERWISE = (StoreUnavailable, "the request failed")


@contextmanager
def translated(path: str | None = None) -> Iterator[None]:
    """Around calls of obstore, and nothing else: what they raise becomes an error of the engine.

    ``path`` is of the blob that is asked for; None where a missing one makes no sense.
    """
    try:
        yield
    except (obstore.BaseError, OSError, ValueError, NotImplementedError) as error:
        raise error_of(error, path) from None


def is_empty_range(error: Exception) -> bool:
    """Whether a range was asked for of a blob that has no bytes there."""
    return _found(_CODE, error) == "InvalidRange" or _found(_STATUS, error) == "416"


def error_of(error: Exception, path: str | None) -> Exception:
    """The engine's error for one of obstore's."""
    code, status = _found(_CODE, error), int(_found(_STATUS, error) or 0)
    if code in _REFUSALS:
        return StoreRefuses(f"{_REFUSALS[code]} ({code})")
    if isinstance(error, FileNotFoundError | obstore.NotFoundError) and path is not None:
        return BlobMissing(path)
    if code is not None or status:
        return _by_status(code, status)
    return _without_answer(error)


def _without_answer(error: Exception) -> StoreUnavailable:
    kind = _found(_KIND, error)
    if kind == "Connect":
        return StoreUnavailable("it cannot be reached; check the endpoint, the name service and the network")
    if kind == "Timeout":
        return StoreUnavailable("it did not answer in time")
    made, reason = next((BY_CLASS[each] for each in type(error).__mro__ if each in BY_CLASS), _OTHERWISE)
    return made(reason)


def _by_status(code: str | None, status: int) -> StoreUnavailable:
    told = " ".join(filter(None, (str(status or ""), code)))
    if status in _BY_STATUS:
        return StoreRefuses(f"{_BY_STATUS[status]} ({told})")
    if 400 <= status < 500 and status not in {408, 409, 429} and code != "SlowDown":
        return StoreRefuses(f"it does not accept a request ({told})")
    return StoreUnavailable(f"it answers with an error ({told})")


def _found(pattern: re.Pattern[str], error: Exception) -> str | None:
    match = pattern.search(str(error))
    return match[1] if match else None
