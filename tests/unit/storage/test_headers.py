"""Headers of a download: names, validators, conditions."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.attributes import FileAttributes
from artstore.storage.files import headers
from artstore.storage.files.representation import original

AT = datetime(2026, 11, 23, 12, 1, 2, 345678, tzinfo=UTC)
CHECKSUM = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def attributes() -> FileAttributes:
    return FileAttributes.of(
        {
            "file_id": UUID("01936a2f-0000-7000-8000-000000000001"),
            "original_filename": "a.pdf",
            "storage_filename": "a.pdf",
            "storage_path": "files/a.pdf",
            "file_size": 10,
            "content_type": "application/pdf",
            "created_at": AT,
            "updated_at": AT + timedelta(days=1),
            "created_by_id": "owner",
            "created_by_username": "owner",
            "checksum": CHECKSUM,
        }
    )


class TestContentDisposition:
    def test_plain_name_stands_as_it_is(self) -> None:
        assert headers.content_disposition("a b(1).pdf") == 'attachment; filename="a b(1).pdf"'

    def test_other_scripts_are_given_exactly_beside_a_plain_name(self) -> None:
        assert headers.content_disposition("отчёт.pdf") == (
            "attachment; filename=\"_____.pdf\"; filename*=UTF-8''%D0%BE%D1%82%D1%87%D1%91%D1%82.pdf"
        )

    def test_what_browsers_would_decode_is_given_exactly(self) -> None:
        assert headers.content_disposition("a%20b, 100%.txt") == (
            "attachment; filename=\"a_20b, 100%.txt\"; filename*=UTF-8''a%2520b%2C%20100%25.txt"
        )

    @given(st.text(min_size=1))
    def test_any_name_comes_back_and_breaks_no_header(self, name: str) -> None:
        try:
            name.encode()
        except UnicodeEncodeError:
            return
        value = headers.content_disposition(name)
        assert value.isascii()
        assert value.isprintable()
        plain = value.split('"')[1]
        exact = value.partition("filename*=UTF-8''")[2]
        assert (unquote(exact) if exact else plain) == name
        assert value.count('"') == 2


class TestValidators:
    def test_the_bytes_were_last_modified_when_they_were_stored(self, attributes: FileAttributes) -> None:
        assert headers.last_modified(attributes) == "Mon, 23 Nov 2026 12:01:02 GMT"

    def test_revision_changes_with_the_attributes_and_content_does_not(
        self, attributes: FileAttributes
    ) -> None:
        changed = attributes.changed(description="new")
        assert headers.revision_tag(changed) != headers.revision_tag(attributes)
        assert original(changed).tag == original(attributes).tag == f'"{CHECKSUM}"'


class TestConditions:
    @pytest.mark.parametrize("header", ['"x"', 'W/"x"', '"a", "x"', '"a",W/"x" , "b"', "*", " * "])
    def test_none_match_finds_the_tag(self, header: str) -> None:
        assert headers.matches(header, '"x"')

    @pytest.mark.parametrize("header", ["", '"y"', "x", '"x', '"ax"'])
    def test_none_match_does_not_find_another(self, header: str) -> None:
        assert not headers.matches(header, '"x"')

    def test_modified_since_compares_whole_seconds(self) -> None:
        assert headers.is_unmodified("Mon, 23 Nov 2026 12:01:02 GMT", AT)
        assert not headers.is_unmodified("Mon, 23 Nov 2026 12:01:01 GMT", AT)

    @pytest.mark.parametrize(
        "header",
        [
            *("", "yesterday", "Mon, 99 Nov 2026 12:01:02 GMT"),
            "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
            "Mon, 23 Nov 2026 12:01:02 +99999999999999999999",
        ],
    )
    def test_a_malformed_date_is_no_condition(self, header: str) -> None:
        assert not headers.is_unmodified(header, AT)

    def test_if_range_takes_the_strong_tag_or_the_exact_date(self, attributes: FileAttributes) -> None:
        tag = f'"{CHECKSUM}"'
        assert headers.allows_range(tag, tag, attributes)
        assert headers.allows_range("Mon, 23 Nov 2026 12:01:02 GMT", tag, attributes)
        assert not headers.allows_range(f"W/{tag}", tag, attributes)
        assert not headers.allows_range("Mon, 23 Nov 2026 12:01:03 GMT", tag, attributes)

    def test_the_date_of_a_document_in_two_forms_tells_nothing(self, attributes: FileAttributes) -> None:
        coded = attributes.changed(content_encoding="gzip", stored_size=5, stored_checksum="ab" * 32)
        assert not headers.allows_range("Mon, 23 Nov 2026 12:01:02 GMT", f'"{CHECKSUM}"', coded)
