"""Each coding gives the bytes back, whatever they are and however they came, and stops at what it was asked for."""

import gzip
import io
import os
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from artstore.engine.coding import (
    Coder,
    Coding,
    CodingBroken,
    DecodedDocument,
    Decoder,
    code_whole,
    coding_named,
)

OTHERS: dict[Coding, Callable[[bytes], bytes]] = {
    Coding.GZIP: gzip.decompress,
    Coding.BROTLI: brotli.decompress,
    Coding.ZSTD: zstd.decompress,
}
"""Decoders that share nothing with ours."""
TEXT = b"".join(b"%d;some words in a line of a table;%d\n" % (line, line * 7919) for line in range(60_000))
pieces_of_text = st.lists(
    st.text(max_size=300).map(str.encode) | st.binary(max_size=300), min_size=1, max_size=30
)
codings = st.sampled_from(Coding)


def coded(coding: Coding, content: bytes) -> bytes:
    """Whatever it saves."""
    coder = Coder(coding, 0)
    beginning = [bytes(1000)]  # promises gain
    stored = b"".join([*coder.take(beginning), *coder.take([content]), *coder.end()])
    assert coder.coded is not None
    assert coder.coded.size == len(stored)
    return stored


def decoded(coding: Coding, stored: bytes, length: int = 1 << 16) -> bytes:
    decoder = Decoder(coding, io.BytesIO(stored).read)
    return b"".join(iter(lambda: decoder.read(length), b""))


class TestEveryCoding:
    @given(codings, pieces_of_text, st.integers(1, 5000))
    def test_gives_back_any_bytes_in_any_pieces(
        self, coding: Coding, pieces: list[bytes], length: int
    ) -> None:
        coder = Coder(coding, 0)
        pieces = [b"the same again and again " * 20, *pieces]
        stored = b"".join([part for piece in pieces for part in coder.take([piece])] + [*coder.end()])
        whole = b"".join(pieces)
        assert coder.coded is not None
        assert decoded(coding, stored, length) == whole
        assert OTHERS[coding](stored) == whole

    @pytest.mark.parametrize("coding", Coding)
    def test_same_bytes_give_the_same(self, coding: Coding) -> None:
        assert coded(coding, TEXT) == coded(coding, TEXT)

    @pytest.mark.parametrize("coding", Coding)
    def test_a_cut_or_a_byte_more_is_seen(self, coding: Coding) -> None:
        stored = coded(coding, TEXT[:5000])
        for length in (len(stored) - 1, len(stored) // 2, 3):
            with pytest.raises(CodingBroken):
                decoded(coding, stored[:length])
        with pytest.raises(CodingBroken):
            decoded(coding, stored + b"x")

    @pytest.mark.parametrize("coding", Coding)
    def test_a_bomb_takes_no_memory(self, coding: Coding) -> None:
        stored = coded(coding, bytes(50 << 20))
        assert len(stored) < 1 << 20
        decoder = Decoder(coding, io.BytesIO(stored).read)
        tracemalloc.start()
        try:
            for _ in range(20):
                assert len(decoder.read(100_000)) <= 100_000
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("coding", [Coding.GZIP, Coding.ZSTD])
    def test_frames_one_behind_another(self, coding: Coding) -> None:
        assert (
            decoded(coding, coded(coding, b"one") + coded(coding, b"two"), 2)
            == b"\0" * 1000 + b"one" + b"\0" * 1000 + b"two"
        )

    @pytest.mark.parametrize(
        "tool",
        [("gzip", Coding.GZIP), ("zstd", Coding.ZSTD), ("brotli", Coding.BROTLI)],
        ids=lambda tool: tool[0],
    )
    def test_the_tool_of_every_machine_reads_it(self, tool: tuple[str, Coding]) -> None:
        program, coding = tool
        if shutil.which(program) is None:
            decode: Iterator[bytes] | bytes = OTHERS[coding](coded(coding, TEXT))
        else:
            done = subprocess.run(
                [program, "-dc"], input=coded(coding, TEXT), capture_output=True, check=True
            )
            decode = done.stdout
        assert decode == bytes(1000) + TEXT

    def test_a_window_of_more_than_8_mib_is_refused(self) -> None:
        options: dict[int, int] = {zstd.CompressionParameter.window_log: 25}
        compressor = zstd.ZstdCompressor(options=options)
        stored = compressor.compress(TEXT * 20) + compressor.flush()
        with pytest.raises(CodingBroken):
            decoded(Coding.ZSTD, stored)

    def test_is_named_as_in_http(self) -> None:
        names = ["gzip", "X-GZip", "BR", "zstd", "deflate", ""]
        assert [coding_named(name) for name in names] == [
            Coding.GZIP,
            Coding.GZIP,
            Coding.BROTLI,
            Coding.ZSTD,
            None,
            None,
        ]


class TestDecodedDocument:
    @given(
        codings, st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 20_000)), min_size=1, max_size=8)
    )
    def test_ranges_are_slices(self, coding: Coding, ranges: list[tuple[int, int]]) -> None:
        content = TEXT[:50_000]
        _, stored = code_whole(coding, content) or pytest.fail("it saves nothing")
        document = DecodedDocument(coding, len(content), lambda at, length: stored[at : at + length])
        for offset, wanted in ranges:
            length = min(wanted, len(content) - offset)
            while not document.go_to(offset, 3000):
                pass
            assert document.read(length) == content[offset : offset + length]

    @pytest.mark.parametrize("coding", Coding)
    def test_the_last_byte_comes_only_if_it_is_the_last(self, coding: Coding) -> None:
        stored = coded(coding, TEXT)
        document = DecodedDocument(coding, 1000, lambda at, length: stored[at : at + length])
        assert document.read(999) == bytes(999)
        with pytest.raises(CodingBroken, match="more than 1000"):
            document.read(1)

    def test_a_wrong_checksum_behind_the_last_byte_is_seen(self) -> None:
        stored = bytearray(coded(Coding.GZIP, TEXT))
        stored[-5] ^= 1
        size = 1000 + len(TEXT)
        document = DecodedDocument(Coding.GZIP, size, lambda at, length: bytes(stored[at : at + length]))
        with pytest.raises(CodingBroken):
            document.read(size)


class TestCoder:
    def test_what_promises_no_gain_is_let_through(self) -> None:
        content = os.urandom(5000)
        coder = Coder(Coding.GZIP, 0)
        assert b"".join([*coder.take([content]), *coder.take([TEXT]), *coder.end()]) == content + TEXT
        assert coder.coded is None

    def test_decides_by_more_than_a_little(self) -> None:
        """However small the pieces are in which a document comes."""
        coder = Coder(Coding.GZIP, 4096)
        pieces = [TEXT[start : start + 100] for start in range(0, 100_000, 100)]
        stored = b"".join([part for piece in pieces for part in coder.take([piece])] + [*coder.end()])
        assert decoded(Coding.GZIP, stored) == TEXT[:100_000]
        short = Coder(Coding.GZIP, 4096)
        assert (
            b"".join([*short.take([TEXT[:4000]]), *short.take([TEXT[4000:4095]]), *short.end()])
            == TEXT[:4095]
        )
        assert short.coded is None

    def test_a_document_that_gains_too_little_is_not_coded(self) -> None:
        assert code_whole(Coding.ZSTD, os.urandom(5000)) is None

    @pytest.mark.parametrize("coding", Coding)
    def test_says_what_it_came_to(self, coding: Coding) -> None:
        found, stored = code_whole(coding, TEXT) or pytest.fail("it saves nothing")
        assert (found.coding, found.size) == (coding, len(stored))
        assert len(stored) < len(TEXT) / 2
        assert OTHERS[coding](stored) == TEXT
