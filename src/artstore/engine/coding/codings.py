"""The formats: how bytes are coded, and decoded without ever taking more memory than was asked for.

The same bytes give the same coded ones with the same versions of the libraries: no time and no name is in
them.
"""

import sys
import zlib
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_READ_BYTES = 64 * 1024
"""Coded bytes that are taken at once."""
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_GZIP_LEVEL = 6
_BROTLI_QUALITY = 5
_ZSTD_LEVEL = 3
_ZSTD_WINDOW_LOG = 23
"""8 MiB, the most that the coding may have (RFC 9659): a frame that wants more is not decoded."""


class Coding(StrEnum):
    """Named as in RFC 9110 §8.4 and RFC 8878."""

    GZIP = "gzip"
    BROTLI = "br"
    ZSTD = "zstd"

    @property
    def suffix(self) -> str:
        """Of file names; what the standard tool expects."""
        return _SUFFIXES[self]


_SUFFIXES = {Coding.GZIP: ".gz", Coding.BROTLI: ".br", Coding.ZSTD: ".zst"}


def coding_named(name: str) -> Coding | None:
    """The coding that a ``content_encoding`` names; None for one that is not known."""
    lower = name.lower()
    try:
        return Coding("gzip" if lower == "x-gzip" else lower)
    except ValueError:
        return None


class CodingBroken(Exception):
    """The coded bytes are not what the coding makes; says what is wrong."""


class Encoder(Protocol):
    """As the standard library has them."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def encoder(coding: Coding) -> Encoder:
    match coding:
        case Coding.GZIP:
            return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
        case Coding.BROTLI:
            return _BrotliEncoder()
        case Coding.ZSTD:
            parameter = zstd.CompressionParameter
            options: dict[int, int] = {parameter.compression_level: _ZSTD_LEVEL, parameter.checksum_flag: 1}
            return zstd.ZstdCompressor(options=options)


class _BrotliEncoder:
    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=_BROTLI_QUALITY)

    def compress(self, data: bytes, /) -> bytes:
        return bytes(self._compressor.process(data))

    def flush(self) -> bytes:
        return bytes(self._compressor.finish())


class _Stream(Protocol):
    """Takes coded bytes and gives decoded ones, a bounded number at a time.

    ``step`` with no bytes gives what is left of those before. Raises the errors of ``_ERRORS``.
    """

    @property
    def is_whole(self) -> bool:
        """Whether the coded bytes may end here."""

    @property
    def has_input(self) -> bool:
        """Whether there are coded bytes left of those that were given: none may be given then."""

    def step(self, data: bytes, length: int) -> bytes: ...


class _Framed:
    """gzip and zstd: one frame behind another, each decoded by an object of its own."""

    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._left = b""
        self._frame: zlib._Decompress | zstd.ZstdDecompressor | None = None

    @property
    def is_whole(self) -> bool:
        return self._frame is None and not self._left

    @property
    def has_input(self) -> bool:
        keeps = isinstance(self._frame, zstd.ZstdDecompressor) and not self._frame.needs_input
        return bool(self._left) or keeps

    def step(self, data: bytes, length: int) -> bytes:
        data = self._left or data
        if self._frame is None:
            if not data:
                return b""
            self._frame = self._new_frame()
        out = self._frame.decompress(data, length)
        if self._frame.eof:
            self._left, self._frame = self._frame.unused_data, None
        elif isinstance(self._frame, zstd.ZstdDecompressor):
            self._left = b""  # it keeps what it has not decoded
        else:
            self._left = self._frame.unconsumed_tail
        return out

    def _new_frame(self) -> "zlib._Decompress | zstd.ZstdDecompressor":
        if self._coding is Coding.GZIP:
            return zlib.decompressobj(_GZIP_FORMAT)
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    @property
    def is_whole(self) -> bool:
        return bool(self._decompressor.is_finished())

    @property
    def has_input(self) -> bool:
        return not self._decompressor.can_accept_more_data()

    def step(self, data: bytes, length: int) -> bytes:
        if self.is_whole:
            if data:
                raise CodingBroken("there are bytes behind the end of the coded ones")
            return b""
        return bytes(self._decompressor.process(data, output_buffer_limit=length))


_ERRORS = (zlib.error, brotli.error, zstd.ZstdError)


class Decoder:
    """Original bytes, one after another; for one thread at a time.

    ``pull(length)`` gives the next coded bytes, none at the end. Raises CodingBroken, and what it raises.
    """

    def __init__(self, coding: Coding, pull: Callable[[int], bytes]) -> None:
        self._stream: _Stream = _Brotli() if coding is Coding.BROTLI else _Framed(coding)
        self._pull = pull
        self._surplus = b""

    def read(self, length: int) -> bytes:
        """At most ``length`` bytes, at least one unless it is the end, where the coded ones are whole."""
        if self._surplus:
            out, self._surplus = self._surplus[:length], self._surplus[length:]
            return out
        try:
            out = self._next(length)
        except _ERRORS as error:
            raise CodingBroken(f"they cannot be decoded: {error}") from error
        # brotli gives a little more than it was asked for.
        self._surplus = out[length:]
        return out[:length]

    def _next(self, length: int) -> bytes:
        while True:
            has_input = self._stream.has_input
            data = b"" if has_input else self._pull(_READ_BYTES)
            out = self._stream.step(data, length)
            if out:
                return out
            if not data and not has_input:
                if not self._stream.is_whole:
                    raise CodingBroken("they end in the middle")
                return b""
