"""The fields of an upload, each accepted or refused on its own."""

import json
from uuid import UUID

import pytest

from artstore.attributes import AttributesInvalid, AttributesTooLarge, FilenameInvalid, RetentionPolicy
from artstore.kernel.access import Principal
from artstore.kernel.multipart import Field, FileStart
from artstore.kernel.problems import Problem
from artstore.storage.files.form import UploadForm
from artstore.storage.files.version_of import VersionOf
from artstore.wire.problems import ProblemType

DOCUMENT = UUID("0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e")
PRINCIPAL = Principal("account", "client", "billing", "USER", frozenset(), "token")


def field(name: str, value: str) -> Field:
    return Field(name, value.encode())


def form_with_file(filename: str = "a.txt", content_type: str | None = None) -> UploadForm:
    form = UploadForm()
    form.take_file(FileStart("file", filename, content_type))
    return form


class TestFile:
    def test_name_and_account_stand_in_the_draft(self) -> None:
        draft = form_with_file("отчёт.pdf").draft(PRINCIPAL)
        assert draft.original_filename == "отчёт.pdf"
        assert (draft.created_by_id, draft.created_by_username) == ("account", "billing")
        assert draft.retention_policy is RetentionPolicy.PERMANENT

    def test_a_form_without_a_file(self) -> None:
        with pytest.raises(Problem) as refused:
            UploadForm().draft(PRINCIPAL)
        assert refused.value.kind is ProblemType.FILE_MISSING

    def test_a_file_under_another_name(self) -> None:
        with pytest.raises(Problem) as refused:
            UploadForm().take_file(FileStart("document", "a.txt", None))
        assert refused.value.kind is ProblemType.FILE_MISSING
        assert refused.value.field == "document"

    def test_a_second_file(self) -> None:
        with pytest.raises(Problem) as refused:
            form_with_file().take_file(FileStart("file", "b.txt", None))
        assert refused.value.kind is ProblemType.INVALID_PARAMETER

    def test_a_file_without_a_name(self) -> None:
        with pytest.raises(Problem) as refused:
            UploadForm().take_field(field("file", "content"))
        assert refused.value.kind is ProblemType.FILE_MISSING

    @pytest.mark.parametrize("name", ["../etc/passwd", "a\0b", "a\nb", "x" * 5000, ""])
    def test_a_name_that_cannot_be_accepted(self, name: str) -> None:
        with pytest.raises(FilenameInvalid):
            form_with_file(name)

    @pytest.mark.parametrize("given", [None, "", "application/octet-stream", "Application/Octet-Stream"])
    def test_content_decides_where_the_client_does_not_know_the_type(self, given: str | None) -> None:
        assert form_with_file(content_type=given).draft(PRINCIPAL).content_type is None

    def test_the_client_type_is_kept(self) -> None:
        draft = form_with_file(content_type="text/plain; charset=utf-8").draft(PRINCIPAL)
        assert draft.content_type == "text/plain; charset=utf-8"

    @pytest.mark.parametrize("given", ["pdf", "a/b/c", "text/plain\x01", "text/" + "x" * 255])
    def test_what_is_no_media_type(self, given: str) -> None:
        with pytest.raises(Problem):
            form_with_file(content_type=given)


class TestFields:
    def test_tags_come_as_array_as_words_and_repeated(self) -> None:
        form = form_with_file()
        for value in ('["a, b", "c"]', "d, e,,", "c"):
            form.take_field(field("tags", value))
        assert form.draft(PRINCIPAL).tags == ["a, b", "c", "d", "e"]

    @pytest.mark.parametrize("value", ["[1]", '["a"', "[[]]"])
    def test_tags_that_are_none(self, value: str) -> None:
        with pytest.raises(Problem) as refused:
            form_with_file().take_field(field("tags", value))
        assert refused.value.field == "tags"

    def test_custom_attributes_keep_their_values(self) -> None:
        form = form_with_file()
        form.take_field(field("custom_attributes", '{"year": 2026, "parties": ["А", null]}'))
        assert form.draft(PRINCIPAL).custom_attributes == {"year": 2026, "parties": ["А", None]}

    @pytest.mark.parametrize(
        "value", ["{", "[]", "1", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000, "1" * 5000]
    )
    def test_custom_attributes_that_are_no_object(self, value: str) -> None:
        with pytest.raises(AttributesInvalid) as refused:
            form_with_file().take_field(field("custom_attributes", value))
        assert refused.value.field == "custom_attributes"

    def test_too_much_is_refused_before_the_file_is_read(self) -> None:
        form = UploadForm()
        form.take_field(field("description", "x" * 3000))
        with pytest.raises(AttributesTooLarge):
            form.take_field(field("custom_attributes", json.dumps({"a": "x" * 1500})))

    def test_space_in_json_does_not_count(self) -> None:
        form_with_file().take_field(field("custom_attributes", '{"a":' + " " * 5000 + "1}"))

    def test_an_unknown_field_is_not_dropped_in_silence(self) -> None:
        with pytest.raises(Problem) as refused:
            form_with_file().take_field(field("descripton", "x"))
        assert refused.value.field == "descripton"

    def test_a_field_twice(self) -> None:
        form = form_with_file()
        form.take_field(field("description", "a"))
        with pytest.raises(Problem) as refused:
            form.take_field(field("description", "b"))
        assert refused.value.field == "description"

    def test_fields_left_empty_say_nothing(self) -> None:
        form = form_with_file()
        for name in ("description", "custom_attributes", "tags", "retention_policy"):
            form.take_field(field(name, ""))
        assert form.draft(PRINCIPAL).description is None

    def test_text_that_is_not_utf_8(self) -> None:
        with pytest.raises(Problem):
            form_with_file().take_field(Field("description", b"\xff"))


class TestRetention:
    def test_before_the_file(self) -> None:
        form = UploadForm()
        form.take_field(field("retention_policy", "temporary"))
        form.take_file(FileStart("file", "a.txt", None))
        assert form.draft(PRINCIPAL).retention_policy is RetentionPolicy.TEMPORARY

    def test_behind_the_file(self) -> None:
        with pytest.raises(Problem) as refused:
            form_with_file().take_field(field("retention_policy", "temporary"))
        assert refused.value.kind is ProblemType.FIELD_ORDER

    def test_in_the_query_and_behind_the_file(self) -> None:
        form = UploadForm({"retention_policy": "temporary"})
        form.take_file(FileStart("file", "a.txt", None))
        form.take_field(field("retention_policy", "temporary"))
        assert form.draft(PRINCIPAL).retention_policy is RetentionPolicy.TEMPORARY

    def test_two_that_differ(self) -> None:
        with pytest.raises(Problem) as refused:
            UploadForm({"retention_policy": "temporary"}).take_field(field("retention_policy", "permanent"))
        assert refused.value.kind is ProblemType.INVALID_PARAMETER

    def test_one_that_is_not_known(self) -> None:
        with pytest.raises(Problem) as refused:
            UploadForm({"retention_policy": "eternal"})
        assert refused.value.field == "retention_policy"


class TestVersions:
    @pytest.mark.parametrize("name", ["replaces", "document_id"])
    def test_nobody_told_of_which_document(self, name: str) -> None:
        for attempt in (
            lambda: UploadForm().take_field(field(name, str(DOCUMENT))),
            lambda: UploadForm({name: str(DOCUMENT)}),
        ):
            with pytest.raises(Problem) as refused:
                attempt()
            assert refused.value.kind is ProblemType.INVALID_PARAMETER
            assert refused.value.field == name

    def test_what_was_told_counts_whatever_the_fields_say(self) -> None:
        form = UploadForm({"document_id": "x"}, version_of=VersionOf(DOCUMENT, None))
        form.take_field(field("replaces", "y"))
        form.take_field(field("version", "second"))
        form.take_file(FileStart("file", "a.txt", None))
        draft = form.draft(PRINCIPAL)
        assert (draft.document_id, draft.previous_version_id) == (DOCUMENT, None)
        assert draft.version == "second"

    def test_a_document_that_is_no_version(self) -> None:
        form = form_with_file()
        form.take_field(field("replaces", ""))
        assert form.draft(PRINCIPAL).document_id is None


class TestTime:
    def test_is_said_before_or_behind_the_file(self) -> None:
        before, behind = (
            UploadForm({"retention_policy": "temporary"}),
            UploadForm({"retention_policy": "temporary"}),
        )
        before.take_field(field("ttl_days", "7"))
        for form in (before, behind):
            form.take_file(FileStart("file", "a.txt", None))
        behind.take_field(field("ttl_days", "7"))
        assert before.draft(PRINCIPAL).ttl_days == behind.draft(PRINCIPAL).ttl_days == 7

    def test_not_said(self) -> None:
        form = UploadForm({"retention_policy": "temporary"}, default_ttl_days=12)
        form.take_file(FileStart("file", "a.txt", None))
        assert form.draft(PRINCIPAL).ttl_days == 12
        assert form_with_file().draft(PRINCIPAL).ttl_days is None

    def test_of_a_permanent_document_is_refused_before_its_bytes_come(self) -> None:
        form = UploadForm()
        form.take_field(field("ttl_days", "7"))
        with pytest.raises(Problem) as refused:
            form.take_file(FileStart("file", "a.txt", None))
        assert refused.value.field == "ttl_days"

    def test_or_at_the_end_where_it_comes_behind_them(self) -> None:
        form = form_with_file()
        form.take_field(field("ttl_days", "7"))
        with pytest.raises(Problem) as refused:
            form.draft(PRINCIPAL)
        assert refused.value.field == "ttl_days"

    def test_differs_between_the_form_and_the_query(self) -> None:
        form = UploadForm({"retention_policy": "temporary", "ttl_days": "7"})
        form.take_field(field("ttl_days", "7"))
        with pytest.raises(Problem) as refused:
            UploadForm({"retention_policy": "temporary", "ttl_days": "7"}).take_field(field("ttl_days", "8"))
        assert refused.value.field == "ttl_days"

    @pytest.mark.parametrize("days", ["0", "366", "-1", "+1", "1.5", "x", "٣", "1 0", "9" * 5000])
    def test_is_a_number_of_days(self, days: str) -> None:
        with pytest.raises(Problem) as refused:
            UploadForm({"retention_policy": "temporary", "ttl_days": days})
        assert refused.value.kind is ProblemType.INVALID_PARAMETER
