"""Settings of an element whose documents lie in S3, or in what speaks it: ``ARTSTORE_STORAGE_S3_…``."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from artstore.engine.blobs.s3_options import MAX_PART_BYTES, MIN_PART_BYTES, S3Options
from artstore.kernel.settings import ServiceSettings

_VARIABLE = "ARTSTORE_STORAGE_{}"


class ObjectStoreSettings(ServiceSettings):
    """Without ``s3_bucket`` documents lie in the root, and nothing else here may be set."""

    element_id: str
    capacity_bytes: int | None = None
    s3_bucket: str | None = None
    """Bucket for the documents of the element; it must exist. The log and uploads under way stay in ``root``,
    which therefore still needs a disk that honours flushing. Decided when the element is made: an element
    never changes its kind of storage."""
    s3_prefix: str = ""
    """Where in the bucket the element lies; default: ``element_id``. Two elements with one prefix: the second
    does not start."""
    s3_endpoint: str | None = None
    """``https://host[:port]`` of an S3-compatible store; default: AWS in ``s3_region``. With ``http://``
    documents travel unencrypted; the secret never travels."""
    s3_region: str = "us-east-1"
    """Region of the bucket. Stores that know no regions mostly want the default."""
    s3_access_key_id: SecretStr | None = None
    """Names the account, which must be allowed to list the bucket and to read, write and delete objects."""
    s3_secret_access_key: SecretStr | None = None
    """The account's secret. Better a file in ``ARTSTORE_SECRETS_DIR`` than a variable."""
    s3_path_style: bool = False
    """Names the bucket in the path of each request instead of in the host, as many stores other than AWS
    need it."""
    s3_multipart_bytes: Annotated[int, Field(ge=MIN_PART_BYTES, le=MAX_PART_BYTES)] = 8 * 1024**2
    """Larger documents are written in parts of this size; four of them may be in memory at once. What breaks
    off costs at most one part to repeat."""
    s3_take_over: bool = False
    """Lets an empty root take over documents of this element that are in the bucket already, because the old
    root is lost. What was acknowledged and not yet in the bucket is lost with it. Set it for one start."""

    @model_validator(mode="after")
    def _check_store(self) -> Self:
        if self.s3_bucket is None:
            given = sorted(name for name in self.model_fields_set if name.startswith("s3_"))
            if given:
                raise ValueError(f"{_variable(given[0])} is set without {_variable('s3_bucket')}")
            return self
        for name in ("s3_access_key_id", "s3_secret_access_key"):
            if getattr(self, name) is None:
                raise ValueError(f"{_variable(name)} is needed with {_variable('s3_bucket')}")
        if self.capacity_bytes is None:
            raise ValueError(
                f"{_variable('capacity_bytes')} is needed with {_variable('s3_bucket')}: a bucket has no size"
            )
        try:
            self.s3_options()
        except ValueError as error:
            raise ValueError(f"{_variable('s3_…')}: {error}") from None
        return self

    def s3_options(self) -> S3Options | None:
        """Where the documents lie; None where that is the root."""
        if self.s3_bucket is None or self.s3_access_key_id is None or self.s3_secret_access_key is None:
            return None
        return S3Options(
            bucket=self.s3_bucket,
            prefix=self.s3_prefix.strip("/") or self.element_id,
            endpoint=self.s3_endpoint.rstrip("/") if self.s3_endpoint else None,
            region=self.s3_region,
            access_key_id=self.s3_access_key_id.get_secret_value(),
            secret_access_key=self.s3_secret_access_key.get_secret_value(),
            path_style=self.s3_path_style,
            multipart_bytes=self.s3_multipart_bytes,
        )


def _variable(name: str) -> str:
    return _VARIABLE.format(name.upper())
