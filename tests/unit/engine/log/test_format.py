"""Records, headers and checkpoints: what goes in comes out, and nothing else does."""

import struct
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.engine.log.checkpoint import Checkpoint, CheckpointInvalid, decode_checkpoint
from artstore.engine.log.header import HEADER_BYTES, SegmentHeader, decode_header, element_digest
from artstore.engine.log.record import (
    BEGINS_BATCH,
    FLAGS,
    FRAME,
    MAX_RECORD_BYTES,
    BodyInvalid,
    Delete,
    Entry,
    Kind,
    Lsn,
    ModeChange,
    Put,
    Record,
    Update,
    decode_body,
    decode_record,
    encode_body,
    encode_frame,
    kind_of,
)

SALT = b"saltsalt"
FIRST = Lsn(1)
FIRST = Lsn(1)
U64 = st.integers(0, 2**64 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ATTRIBUTES = st.binary(max_size=4096)
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Put, ATTRIBUTES, content=st.binary(max_size=300)),
    st.builds(Put, ATTRIBUTES, staged=TEXT),
    st.builds(Update, ATTRIBUTES, st.integers(0, 2**32 - 1)),
    st.builds(Delete, st.uuids(), U64, U64, TEXT),
    st.builds(ModeChange, TEXT, U64),
)
LSNS = st.integers(1, 2**64 - 1).map(Lsn)


def encoded(entry: Entry, lsn: Lsn = FIRST, salt: bytes = SALT, *, flags: int = 0) -> bytes:
    parts = encode_body(entry)
    frame = encode_frame(lsn, kind_of(entry), parts, flags=flags, salt=salt)
    return b"".join([frame, *map(bytes, parts)])


class TestRecord:
    @given(ENTRIES, LSNS, st.sampled_from(FLAGS), st.binary(max_size=20), st.binary(max_size=20))
    def test_comes_back_from_any_place(
        self, entry: Entry, lsn: Lsn, flags: int, before: bytes, behind: bytes
    ) -> None:
        data = before + encoded(entry, lsn, flags=flags) + behind

        record = decode_record(data, len(before), SALT)

        assert record is not None
        assert (record.lsn, record.flags) == (lsn, flags)
        assert record.size == len(data) - len(before) - len(behind)
        assert record.entry() == entry

    @given(ENTRIES, st.data())
    def test_with_any_flipped_bit_is_none(self, entry: Entry, data: st.DataObject) -> None:
        damaged = bytearray(encoded(entry))
        bit = data.draw(st.integers(0, len(damaged) * 8 - 1))
        damaged[bit // 8] ^= 1 << bit % 8

        assert decode_record(bytes(damaged), 0, SALT) is None

    @given(ENTRIES, st.data())
    def test_that_is_cut_is_none(self, entry: Entry, data: st.DataObject) -> None:
        whole = encoded(entry)
        assert decode_record(whole[: data.draw(st.integers(0, len(whole) - 1))], 0, SALT) is None

    @given(ENTRIES, st.binary(min_size=8, max_size=8).filter(lambda salt: salt != SALT))
    def test_of_another_segment_is_none(self, entry: Entry, salt: bytes) -> None:
        assert decode_record(encoded(entry, salt=salt), 0, SALT) is None

    @given(st.binary(max_size=200), st.integers(0, 220))
    def test_of_noise_is_none(self, noise: bytes, offset: int) -> None:
        assert decode_record(noise, offset, SALT) is None

    def test_of_an_unknown_kind_is_none(self) -> None:
        frame = encode_frame(Lsn(1), 5, [b"body"], flags=0, salt=SALT)  # type: ignore[arg-type]
        assert decode_record(frame + b"body", 0, SALT) is None

    @pytest.mark.parametrize("length", [0, 8, MAX_RECORD_BYTES + 1, 2**32 - 1])
    def test_of_an_impossible_length_is_none(self, length: int) -> None:
        assert decode_record(FRAME.pack(length, 0, 1, 1) + bytes(100), 0, SALT) is None

    def test_has_the_bytes_that_crc32c_computed_bit_by_bit_gives(self) -> None:
        assert encoded(Put(b"{}", content=b"x"), Lsn(7), bytes(8), flags=BEGINS_BATCH) == bytes.fromhex(
            "1100000059b10070070000000000000081020000007b7d0178"
        )
        assert encoded(ModeChange("ro", 1), Lsn(2), bytes(8)) == bytes.fromhex(
            "1300000007c207890200000000000000040100000000000000726f"
        )


class TestBody:
    @given(st.sampled_from(Kind), st.binary(max_size=100))
    def test_of_noise_is_an_entry_or_invalid(self, kind: Kind, noise: bytes) -> None:
        try:
            entry = decode_body(kind, noise)
        except BodyInvalid:
            return
        assert b"".join(map(bytes, encode_body(entry))) == noise

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            (Kind.PUT, b""),
            (Kind.PUT, struct.pack("<I", 5) + b"ab"),
            (Kind.PUT, struct.pack("<I", 4097) + bytes(5000)),
            (Kind.PUT, struct.pack("<I", 0)),
            (Kind.PUT, struct.pack("<I", 0) + b"\x02rest"),
            (Kind.PUT, struct.pack("<I", 0) + b"\x00\xff"),
            (Kind.UPDATE, struct.pack("<I", 0)),
            (Kind.UPDATE, struct.pack("<II", 0, 0) + b"x"),
            (Kind.DELETE, bytes(31)),
            (Kind.DELETE, bytes(32) + b"\xff"),
            (Kind.MODE, bytes(7)),
        ],
    )
    def test_of_wrong_shape_is_invalid(self, kind: Kind, body: bytes) -> None:
        with pytest.raises(BodyInvalid):
            decode_body(kind, body)

    def test_a_put_has_one_payload(self) -> None:
        for put in (Put(b"{}"), Put(b"{}", staged="x", content=b"x")):
            with pytest.raises(ValueError, match="either"):
                encode_body(put)

    def test_is_read_through_a_record(self) -> None:
        assert Record(Lsn(1), Kind.MODE, False, bytes(8) + b"ar").entry() == ModeChange("ar", 0)
        delete = Delete(UUID(int=1), 2, 3, "files/x")
        assert kind_of(delete) is Kind.DELETE


class TestHeader:
    @given(LSNS, st.integers(0, 2**40))
    def test_comes_back(self, first_lsn: Lsn, room: int) -> None:
        header = SegmentHeader.fresh(first_lsn, element_digest("el"), room)

        found, sound = decode_header(header.to_bytes())

        assert found is not None
        assert (found.first_lsn, found.element, found.salt, found.room) == (
            first_lsn,
            header.element,
            header.salt,
            room,
        )
        assert sound == 2
        assert len(header.to_bytes()) == HEADER_BYTES

    @given(st.integers(0, HEADER_BYTES * 8 - 1))
    def test_survives_any_flipped_bit(self, bit: int) -> None:
        header = SegmentHeader.fresh(Lsn(9), element_digest("el"), 0)
        damaged = bytearray(header.to_bytes())
        damaged[bit // 8] ^= 1 << bit % 8

        found, sound = decode_header(bytes(damaged))

        assert sound == 1
        assert found is not None
        assert found.salt == header.salt

    @given(st.binary(max_size=200))
    def test_of_noise_is_none(self, noise: bytes) -> None:
        assert decode_header(noise) == (None, 0)

    def test_salts_differ(self) -> None:
        salts = {SegmentHeader.fresh(Lsn(1), bytes(16), 0).salt for _ in range(50)}
        assert len(salts) == 50


class TestCheckpoint:
    CHECKPOINT = Checkpoint("el", Lsn(3), Lsn(7), 100, 2, True, {"index": Lsn(5), "events": Lsn(1)})

    def test_comes_back(self) -> None:
        assert decode_checkpoint(self.CHECKPOINT.to_bytes()) == self.CHECKPOINT

    @given(st.data())
    def test_with_any_flipped_bit_is_invalid_or_says_the_same(self, data: st.DataObject) -> None:
        written = bytearray(self.CHECKPOINT.to_bytes())
        bit = data.draw(st.integers(0, len(written) * 8 - 1))
        written[bit // 8] ^= 1 << bit % 8
        try:
            found = decode_checkpoint(bytes(written))
        except CheckpointInvalid:
            return
        assert found == self.CHECKPOINT  # a blank became another blank

    @given(st.binary(max_size=100))
    def test_of_noise_is_invalid(self, noise: bytes) -> None:
        with pytest.raises(CheckpointInvalid):
            decode_checkpoint(noise)

    @pytest.mark.parametrize(
        "text", ["[]", "{}", '{"format": 2}', '{"format": 1}', "[" * 100_000, '"\\ud800"']
    )
    def test_of_other_json_is_invalid(self, text: str) -> None:
        with pytest.raises(CheckpointInvalid):
            decode_checkpoint(text.encode())

    def test_cut_anywhere_is_invalid(self) -> None:
        written = self.CHECKPOINT.to_bytes()
        for end in range(len(written) - 1):  # all but the line break at the end
            with pytest.raises(CheckpointInvalid):
                decode_checkpoint(written[:end])
