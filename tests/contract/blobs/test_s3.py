"""What S3 storage adds to the contract: reading back, deletion under readers, errors in own words."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from obstore import exceptions

from artstore.engine.blobs import BlobMissing, Blobs, Entries
from artstore.engine.blobs.s3 import S3Blobs
from artstore.engine.blobs.s3_errors import BY_CLASS, error_of
from artstore.engine.blobs.s3_objects import Fetched, S3Objects
from artstore.engine.blobs.s3_options import S3Options
from artstore.engine.errors import StoreRefuses, StoreUnavailable
from tests.support.swift import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Swift

PATH = "files/2026/11/23/12/a note.txt"
LARGE = 11_000_000


class LyingObjects:
    """A real store behind requests that do something else than they say."""

    def __init__(self, objects: S3Objects) -> None:
        self.lose: Callable[[str], bool] = lambda _: False
        """Which writes are acknowledged and not done."""
        self.change: Callable[[Fetched], Fetched] = lambda fetched: fetched
        """What becomes of what is read."""
        self._objects = objects

    def put(self, path: str, data: bytes | memoryview) -> None:
        if not self.lose(path):
            self._objects.put(path, data)

    def put_file(self, path: str, file: BinaryIO, size: int) -> None:
        if not self.lose(path):
            self._objects.put_file(path, file, size)

    def get(self, path: str, start: int, length: int) -> Fetched:
        return self.change(self._objects.get(path, start, length))

    def delete(self, path: str) -> None:
        self._objects.delete(path)

    def folder(self, path: str) -> Entries:
        return self._objects.folder(path)

    def below(self, path: str) -> Iterator[tuple[str, int]]:
        return self._objects.below(path)


@pytest.fixture
def options(swift: Swift, bucket: str, request: pytest.FixtureRequest) -> S3Options:
    return swift.options(bucket, prefix=f"s3-{abs(hash(request.node.nodeid)):x}-{os.getpid()}")


@pytest.fixture
def objects(options: S3Options) -> LyingObjects:
    return LyingObjects(S3Objects(options))


@pytest.fixture
def blobs(options: S3Options, objects: LyingObjects) -> Iterator[Blobs]:
    blobs = S3Blobs(options, objects)
    yield blobs
    blobs.close()


def with_a_bit_flipped(fetched: Fetched) -> Fetched:
    middle = len(fetched.data) // 2
    data = bytearray(fetched.data)
    data[middle] ^= 1
    return Fetched(bytes(data), fetched.size, fetched.version)


def shortened(fetched: Fetched) -> Fetched:
    return Fetched(fetched.data[:-1], fetched.size, fetched.version)


def of_another_size(fetched: Fetched) -> Fetched:
    return Fetched(fetched.data, fetched.size + 1, fetched.version)


class TestReadingBack:
    """A write counts when its bytes were read back, and only then is the staged file given up."""

    @pytest.mark.parametrize("change", [with_a_bit_flipped, shortened, of_another_size])
    @pytest.mark.parametrize("size", [500, 500_000, LARGE])
    def test_something_else_is_there(
        self,
        blobs: Blobs,
        objects: LyingObjects,
        staging: Path,
        size: int,
        change: Callable[[Fetched], Fetched],
    ) -> None:
        content = os.urandom(size)
        staged = staging / "x.part"
        staged.write_bytes(content)
        objects.change = change
        with pytest.raises(StoreUnavailable, match="read back differs"):
            blobs.put(PATH, content[:1000])
        with pytest.raises(StoreUnavailable, match="read back differs"):
            blobs.put_staged(PATH, staged)
        assert staged.read_bytes() == content
        objects.change = lambda fetched: fetched
        blobs.put_staged(PATH, staged)
        assert not staged.exists()
        assert blobs.read(PATH, size) == content

    def test_nothing_is_there(self, blobs: Blobs, objects: LyingObjects, staging: Path) -> None:
        staged = staging / "x.part"
        staged.write_bytes(os.urandom(LARGE))
        objects.lose = lambda path: path.startswith("files/")
        with pytest.raises(StoreUnavailable, match="not there when it is read back"):
            blobs.put(PATH, b"hello")
        with pytest.raises(StoreUnavailable, match="not there when it is read back"):
            blobs.put_staged(PATH, staged)
        assert staged.exists()

    def test_what_was_there_before_is_still_there(self, blobs: Blobs, objects: LyingObjects) -> None:
        blobs.put(PATH, b"before")
        objects.lose = lambda path: path.startswith("files/")
        with pytest.raises(StoreUnavailable, match="read back differs"):
            blobs.put(PATH, b"after.")


class TestReading:
    def test_it_is_replaced_meanwhile(self, blobs: Blobs) -> None:
        blobs.put(PATH, os.urandom(200_000))
        reader = blobs.open(PATH)
        blobs.put(PATH, os.urandom(200_000))
        with pytest.raises(OSError, match="replaced while it was read"):
            reader.read_at(100_000, 1000)
        reader.close()

    def test_it_is_removed_behind_our_back(self, blobs: Blobs, objects: LyingObjects) -> None:
        blobs.put(PATH, os.urandom(200_000))
        reader = blobs.open(PATH)
        objects.delete(PATH)
        with pytest.raises(OSError, match="removed while it was read"):
            reader.read_at(100_000, 1000)
        reader.close()

    def test_fewer_bytes_come_than_there_are(self, blobs: Blobs, objects: LyingObjects) -> None:
        blobs.put(PATH, os.urandom(200_000))
        reader = blobs.open(PATH)
        objects.change = shortened
        with pytest.raises(OSError, match="gave 99999 bytes where it has 100000"):
            reader.read_at(100_000, 100_000)
        reader.close()


class TestDeletingWhatIsRead:
    def test_it_goes_with_the_last_reader(self, blobs: Blobs, options: S3Options) -> None:
        blobs.put(PATH, os.urandom(100_000))
        readers = [blobs.open(PATH), blobs.open(PATH)]
        assert blobs.delete(PATH)
        assert [path for path, _ in blobs.walk("deleting")] == [f"deleting/{PATH}"]
        readers[0].close()
        assert len(readers[1].read_at(50_000, 50_000)) == 50_000
        readers[1].close()
        blobs.close()  # which waits for what the last reader set going
        assert list(S3Blobs(options).walk("files")) == list(S3Blobs(options).walk("deleting")) == []

    def test_the_process_dies_before_that(self, blobs: Blobs, options: S3Options) -> None:
        blobs.put(PATH, b"hello")
        blobs.put("files/other", b"stays")
        blobs.open(PATH)
        blobs.delete(PATH)
        later = S3Blobs(options)
        assert later.clean("files") == 1
        assert [path for path, _ in later.walk("files")] == ["files/other"]
        assert list(later.walk("deleting")) == []


class TestErrors:
    """What a store says may hold accounts, signatures and addresses: none of it comes through."""

    ANSWER = (
        "Generic S3 error: Error performing GET https://store.example.org/archive/x in 5ms - Server returned"
        " non-2xx status code: {status}: <?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message>"
        "<AWSAccessKeyId>AKIASECRET</AWSAccessKeyId><StringToSign>SECRET</StringToSign></Error>"
    )

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (404, "NoSuchBucket", StoreRefuses),
            (403, "AccessDenied", StoreRefuses),
            (403, "SomethingNew", StoreRefuses),
            (400, "AuthorizationHeaderMalformed", StoreRefuses),
            (400, "InvalidRequest", StoreRefuses),
            (301, "PermanentRedirect", StoreRefuses),
            (507, "XStorageFull", StoreRefuses),
            (500, "InternalError", StoreUnavailable),
            (503, "SlowDown", StoreUnavailable),
            (429, "TooManyRequests", StoreUnavailable),
            (408, "RequestTimeout", StoreUnavailable),
        ],
    )
    def test_transient_or_not_is_told_by_the_answer(
        self, status: int, code: str, kind: type[StoreUnavailable]
    ) -> None:
        error = error_of(exceptions.GenericError(self.ANSWER.format(status=status, code=code)), "x")
        assert type(error) is kind
        assert error.transient == (kind is StoreUnavailable)
        assert code in str(error)
        for secret in ("SECRET", "example.org", "archive"):
            assert secret not in str(error)

    def test_every_error_of_obstore_has_its_own(self) -> None:
        classes = {
            each
            for each in vars(exceptions).values()
            if isinstance(each, type) and issubclass(each, exceptions.BaseError)
        }
        assert classes <= set(BY_CLASS)
        for each in classes:
            made = error_of(each("AKIASECRET says no at https://store.example.org"), None)
            assert isinstance(made, StoreUnavailable), each
            assert "SECRET" not in str(made)
            assert "example" not in str(made)

    def test_what_is_not_there(self) -> None:
        answer = self.ANSWER.format(status=404, code="NoSuchKey")
        assert isinstance(error_of(FileNotFoundError(answer), "files/x"), BlobMissing)
        assert isinstance(error_of(FileNotFoundError(answer), None), StoreRefuses)

    def test_a_path_that_is_no_key(self, blobs: Blobs) -> None:
        with pytest.raises(StoreRefuses, match="cannot be a key"):
            blobs.put("files/a\nb", b"x")

    def test_nothing_shows_the_credentials(self, options: S3Options, blobs: Blobs) -> None:
        for shown in (repr(options), repr(blobs), repr(blobs.abilities), str(options.place)):
            assert SECRET_ACCESS_KEY not in shown
            assert ACCESS_KEY_ID not in shown
