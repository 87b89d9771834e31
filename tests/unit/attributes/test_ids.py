"""Ids carry their time, grow within a process, and lead to the hour folder."""

from datetime import UTC, datetime, timedelta, timezone
from threading import Thread
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.attributes import created_at_of, folder_of, new_file_id

TIMES = st.integers(0, 253402214399).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
"""Up to the last hour but a day of the year 9999."""
NOW = datetime(2026, 11, 23, 12, 1, 2, 345678, tzinfo=UTC)


class TestNewFileId:
    @given(at=TIMES)
    def test_is_a_uuid_of_version_7(self, at: datetime) -> None:
        made = new_file_id(at)
        assert made.version == 7
        assert made.variant == "specified in RFC 4122"
        assert UUID(str(made)) == made

    def test_carries_its_time_to_the_millisecond(self) -> None:
        later = NOW + timedelta(days=3650)  # after everything that other tests made
        assert created_at_of(new_file_id(later)) == later.replace(microsecond=345000)

    def test_grows_within_a_millisecond_and_over_small_steps_back(self) -> None:
        steps = [0, 0, 0, 1, -5, -5000, 0, 2]
        ids = [new_file_id(NOW + timedelta(milliseconds=step)) for step in steps * 50]
        assert ids == sorted(ids)
        assert len(set(ids)) == len(ids)

    def test_follows_a_clock_that_was_set_back(self) -> None:
        new_file_id(NOW + timedelta(days=20000))
        assert created_at_of(new_file_id(NOW)) == NOW.replace(microsecond=345000)

    def test_is_unique_over_threads(self) -> None:
        made: list[UUID] = []
        threads = [
            Thread(target=lambda: made.extend(new_file_id(NOW) for _ in range(2000))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(made)) == 16000


class TestCreatedAtOf:
    def test_random_ids_carry_no_time(self) -> None:
        assert created_at_of(UUID("d9b2d63d-a233-4123-847a-7090e9f5b5a1")) is None

    @given(st.binary(min_size=16, max_size=16))
    def test_takes_any_id(self, data: bytes) -> None:
        created_at_of(UUID(bytes=data))


class TestFolderOf:
    def test_is_the_hour_in_utc(self) -> None:
        assert folder_of(NOW) == "2026/11/23/12"
        assert folder_of(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=3)))) == "2025/12/31/22"

    def test_of_an_id_is_the_hour_that_it_carries(self) -> None:
        assert folder_of(UUID("0193563f-5a00-7000-8000-000000000000")) == "2024/11/22/23"

    @given(at=TIMES)
    def test_sorts_as_time_does(self, at: datetime) -> None:
        assert folder_of(at) < folder_of(at + timedelta(hours=1))

    def test_refuses_what_names_no_hour(self) -> None:
        with pytest.raises(ValueError, match="carries no time"):
            folder_of(UUID("d9b2d63d-a233-4123-847a-7090e9f5b5a1"))
        with pytest.raises(ValueError, match="without a zone"):
            folder_of(datetime(2026, 1, 1))  # noqa: DTZ001 - a naive time is what is tried
