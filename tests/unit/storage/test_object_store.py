"""Settings of an element whose documents lie in a bucket."""

import pytest

from artstore.engine.blobs.s3_options import S3Options
from artstore.kernel.settings import load
from artstore.storage.settings import StorageSettings

PREFIX = "ARTSTORE_STORAGE_"
NEEDED = {
    "PORT": "8010",
    "ELEMENT_ID": "rw-01",
    "ROOT": "somewhere",
    "MODE": "rw",
    "ADMIN_URL": "http://127.0.0.1:8000",
    "REDIS_URL": "redis://127.0.0.1",
    "DATABASE_URL": "postgresql://127.0.0.1/x",
}
S3 = {
    "CAPACITY_BYTES": "1000000",
    "S3_BUCKET": "archive",
    "S3_ACCESS_KEY_ID": "the-key-id",
    "S3_SECRET_ACCESS_KEY": "the-secret",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in {**NEEDED, **S3}.items():
        monkeypatch.setenv(PREFIX + name, value)
    return monkeypatch


def options(environment: pytest.MonkeyPatch, **changes: str | None) -> S3Options | None:
    for name, value in changes.items():
        if value is None:
            environment.delenv(PREFIX + name)
        else:
            environment.setenv(PREFIX + name, value)
    return load(StorageSettings).s3_options()


def test_the_least_that_is_needed(environment: pytest.MonkeyPatch) -> None:
    found = options(environment)
    assert found is not None
    assert (found.bucket, found.prefix, found.region) == ("archive", "rw-01", "us-east-1")
    assert (found.endpoint, found.path_style, found.multipart_bytes) == (None, False, 8 << 20)
    assert (found.access_key_id, found.secret_access_key) == ("the-key-id", "the-secret")


def test_everything(environment: pytest.MonkeyPatch) -> None:
    found = options(
        environment,
        S3_PREFIX="/archives/2026/",
        S3_ENDPOINT="https://s3.example.org:9000/",
        S3_REGION="eu-central-1",
        S3_PATH_STYLE="true",
        S3_MULTIPART_BYTES="5242880",
    )
    assert found is not None
    assert (found.prefix, found.endpoint) == ("archives/2026", "https://s3.example.org:9000")
    assert (found.region, found.path_style, found.multipart_bytes) == ("eu-central-1", True, 5 << 20)


def test_without_a_bucket_documents_lie_in_the_root(environment: pytest.MonkeyPatch) -> None:
    for name in S3:
        environment.delenv(PREFIX + name)
    assert options(environment) is None


def test_the_secret_may_be_a_file(
    environment: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "artstore_storage_s3_secret_access_key").write_text("from a file\n")
    environment.setenv("ARTSTORE_SECRETS_DIR", str(folder))
    found = options(environment, S3_SECRET_ACCESS_KEY=None)
    assert found is not None
    assert found.secret_access_key == "from a file"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"S3_BUCKET": None}, "S3_ACCESS_KEY_ID is set without ARTSTORE_STORAGE_S3_BUCKET"),
        ({"S3_SECRET_ACCESS_KEY": None}, "S3_SECRET_ACCESS_KEY is needed"),
        ({"CAPACITY_BYTES": None}, "CAPACITY_BYTES is needed"),
        ({"S3_BUCKET": "a/b"}, "the bucket has"),
        ({"S3_PREFIX": "a/../b"}, "the prefix is made of names"),
        ({"S3_PREFIX": "a//b"}, "the prefix is made of names"),
        ({"S3_PREFIX": "x" * 600}, "at most 512 bytes"),
        ({"S3_ENDPOINT": "s3.example.org"}, "begins with http:// or https://"),
        ({"S3_ENDPOINT": "https://user:pass@s3.example.org"}, "the scheme, the host and the port only"),
        ({"S3_MULTIPART_BYTES": "1000"}, "greater than or equal to 5242880"),
    ],
)
def test_what_cannot_work_is_refused(
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str | None],
    said: str,
) -> None:
    with pytest.raises(SystemExit):
        options(environment, **changes)
    printed = capsys.readouterr().err
    assert said in printed
    assert "the-secret" not in printed
    assert "pass@" not in printed


def test_credentials_are_not_printed(environment: pytest.MonkeyPatch) -> None:
    settings = load(StorageSettings)
    for printed in (repr(settings), repr(settings.s3_options()), str(settings.model_dump())):
        assert "the-secret" not in printed
        assert "the-key-id" not in printed
