"""Reading token requests: the forms that are accepted, and the refusal that each broken one gets."""

import base64
import json
import re
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from artstore.admin.auth.client_request import (
    ASSERTION_TYPE,
    MAX_BODY_BYTES,
    AssertionCredentials,
    Credentials,
    SecretCredentials,
    read_credentials,
    read_parameters,
)
from artstore.admin.auth.refusals import ErrorCode, RequestRefused, refusal_response
from artstore.admin.auth.token_request import wanted_scopes

FORM = "application/x-www-form-urlencoded"
GRANT = {"grant_type": "client_credentials"}
BODY_CREDENTIALS = {"client_id": "sa_billing_1", "client_secret": "s3cret"}


def basic(client_id: str = "sa_billing_1", secret: str = "s3cret") -> str:
    return _basic_header(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode())


def _basic_header(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode()


_NAMES = st.sampled_from(
    ["grant_type", "client_id", "client_secret", "scope", "client_assertion", "client_assertion_type", "x"]
)


@dataclass(frozen=True)
class Read:
    """What a request says."""

    credentials: Credentials
    scopes: frozenset[str] | None

    @property
    def client_id(self) -> str | None:
        return self.credentials.client_id

    @property
    def client_secret(self) -> str:
        assert isinstance(self.credentials, SecretCredentials)
        return self.credentials.client_secret


def parsed(content_types: list[str], authorizations: list[str], query: str, body: bytes) -> Read:
    """As the token endpoint reads it."""
    parameters = read_parameters(content_types=content_types, query=query, body=body)
    scopes = wanted_scopes(parameters)
    return Read(read_credentials(authorizations, parameters), scopes)


def read(
    body: bytes | dict[str, str] | list[tuple[str, str]],
    *,
    content_types: list[str] | None = None,
    authorization: str | None = None,
    query: str = "",
) -> Read:
    return parsed(
        content_types=[FORM] if content_types is None else content_types,
        authorizations=[] if authorization is None else [authorization],
        query=query,
        body=body if isinstance(body, bytes) else urlencode(body).encode(),
    )


def read_json(text: str | dict[str, object], authorization: str | None = None) -> Read:
    body = text if isinstance(text, str) else json.dumps(text)
    return read(body.encode(), content_types=["application/json"], authorization=authorization)


def refusal(*args: object, **kwargs: object) -> ErrorCode:
    with pytest.raises(RequestRefused) as caught:
        read(*args, **kwargs)  # type: ignore[arg-type]  # passes on what a test gives, right or wrong
    return caught.value.code


class TestAccepted:
    def test_credentials_in_the_body(self) -> None:
        request = read(GRANT | BODY_CREDENTIALS)
        assert (request.client_id, request.client_secret) == ("sa_billing_1", "s3cret")
        assert request.scopes is None

    def test_credentials_by_basic(self) -> None:
        assert read(GRANT, authorization=basic()).client_secret == "s3cret"

    def test_basic_credentials_are_form_encoded_inside(self) -> None:
        request = read(GRANT, authorization=basic("сервис:1", "a b+c%"))
        assert (request.client_id, request.client_secret) == ("сервис:1", "a b+c%")

    def test_basic_is_read_in_any_case(self) -> None:
        assert read(GRANT, authorization=basic().replace("Basic", "bASIC")).client_id == "sa_billing_1"

    def test_basic_with_the_same_client_named_in_the_body(self) -> None:
        body = GRANT | {"client_id": "sa_billing_1"}
        assert read(body, authorization=basic()).client_id == "sa_billing_1"

    def test_json(self) -> None:
        request = read_json({**GRANT, **BODY_CREDENTIALS, "scope": "files:read files:write"})
        assert request.scopes == frozenset({"files:read", "files:write"})

    def test_charset_after_the_content_type(self) -> None:
        request = read(GRANT | BODY_CREDENTIALS, content_types=[f"{FORM}; charset=UTF-8"])
        assert request.client_id == "sa_billing_1"

    def test_parameter_without_value_counts_as_omitted(self) -> None:
        assert read(GRANT | BODY_CREDENTIALS | {"scope": ""}).scopes is None
        assert read_json({**GRANT, **BODY_CREDENTIALS, "scope": None}).scopes is None

    def test_unknown_parameter_is_ignored(self) -> None:
        assert read(GRANT | BODY_CREDENTIALS | {"audience": "x"}).client_id == "sa_billing_1"
        assert read_json({**GRANT, **BODY_CREDENTIALS, "audience": ["x"]}).client_id == "sa_billing_1"

    def test_assertion(self) -> None:
        body = GRANT | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "a.b.c"}
        assert read(body).credentials == AssertionCredentials("a.b.c", None)
        assert read(body | {"client_id": "x"}).credentials == AssertionCredentials("a.b.c", "x")

    def test_secret_is_not_in_the_representation(self) -> None:
        assert "s3cret" not in repr(read(GRANT | BODY_CREDENTIALS))


class TestInvalidRequest:
    @pytest.mark.parametrize("content_types", [[], ["text/plain"], ["multipart/form-data"], [FORM, FORM]])
    def test_wrong_content_type(self, content_types: list[str]) -> None:
        assert refusal(GRANT | BODY_CREDENTIALS, content_types=content_types) is ErrorCode.INVALID_REQUEST

    @pytest.mark.parametrize("name", ["grant_type", "client_id", "client_secret", "scope", "unknown"])
    def test_repeated_parameter(self, name: str) -> None:
        pairs = [*GRANT.items(), *BODY_CREDENTIALS.items(), (name, "a"), (name, "b")]
        assert refusal(pairs) is ErrorCode.INVALID_REQUEST

    def test_repeated_json_member(self) -> None:
        text = '{"grant_type": "client_credentials", "client_id": "a", "client_id": "a"}'
        with pytest.raises(RequestRefused, match="repeated"):
            read_json(text)

    def test_both_kinds_of_credentials(self) -> None:
        assert refusal(GRANT | BODY_CREDENTIALS, authorization=basic()) is ErrorCode.INVALID_REQUEST

    @pytest.mark.parametrize("other", [{"client_secret": "x"}, {"client_assertion_type": "saml2"}])
    def test_assertion_with_something_else(self, other: dict[str, str]) -> None:
        body = GRANT | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "a.b.c"}
        assert refusal(body | other) is ErrorCode.INVALID_REQUEST
        assert refusal(body, authorization=basic()) is ErrorCode.INVALID_REQUEST

    def test_assertion_too_long(self) -> None:
        body = GRANT | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "a" * 8193}
        assert refusal(body) is ErrorCode.INVALID_REQUEST

    def test_two_clients_named(self) -> None:
        body = GRANT | {"client_id": "sa_other"}
        assert refusal(body, authorization=basic()) is ErrorCode.INVALID_REQUEST

    def test_no_grant_type(self) -> None:
        assert refusal(BODY_CREDENTIALS) is ErrorCode.INVALID_REQUEST

    def test_secret_in_the_url(self) -> None:
        assert refusal(GRANT, authorization=basic(), query="client_secret=x") is ErrorCode.INVALID_REQUEST

    @pytest.mark.parametrize("body", [b"\xff\xfe", b"grant_type=%ff", b"&".join([b"a=1"] * 100)])
    def test_unreadable_form(self, body: bytes) -> None:
        assert refusal(body) is ErrorCode.INVALID_REQUEST

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", '"text"', "null", "[" * 10_000, '{"a":' * 2_000, "9" * 6_000, '{"grant_type": 1}'],
    )
    def test_unreadable_json(self, text: str) -> None:
        with pytest.raises(RequestRefused) as caught:
            read_json(text)
        assert caught.value.code is ErrorCode.INVALID_REQUEST

    def test_body_too_large(self) -> None:
        assert refusal(b"a=" + b"x" * MAX_BODY_BYTES) is ErrorCode.INVALID_REQUEST

    def test_credential_too_long(self) -> None:
        assert refusal(GRANT | BODY_CREDENTIALS | {"client_id": "a" * 257}) is ErrorCode.INVALID_REQUEST


class TestInvalidClient:
    @pytest.mark.parametrize("missing", ["client_id", "client_secret"])
    def test_missing_credential(self, missing: str) -> None:
        assert refusal(GRANT | BODY_CREDENTIALS | {missing: ""}) is ErrorCode.INVALID_CLIENT

    @pytest.mark.parametrize(
        "authorization",
        ["", "Bearer abc", "Basic", "Basic !!!", _basic_header(b"nocolon"), _basic_header(b":\xff")],
    )
    def test_unreadable_authorization(self, authorization: str) -> None:
        assert refusal(GRANT, authorization=authorization) is ErrorCode.INVALID_CLIENT

    def test_text_that_the_database_cannot_hold(self) -> None:
        assert refusal(GRANT | BODY_CREDENTIALS | {"client_id": "a\0b"}) is ErrorCode.INVALID_CLIENT
        with pytest.raises(RequestRefused, match="invalid_client"):
            read_json('{"grant_type": "client_credentials", "client_id": "\\ud800", "client_secret": "b"}')

    def test_answer_has_a_challenge(self) -> None:
        answer = refusal_response(RequestRefused(ErrorCode.INVALID_CLIENT, "No."))
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


class TestGrantAndScope:
    def test_unknown_grant(self) -> None:
        assert refusal(BODY_CREDENTIALS | {"grant_type": "password"}) is ErrorCode.UNSUPPORTED_GRANT_TYPE

    @pytest.mark.parametrize("scope", [" ", "a  b", "a ", 'a"b', "a\\b", "файлы", "a\nb"])
    def test_malformed_scope(self, scope: str) -> None:
        assert refusal(GRANT | BODY_CREDENTIALS | {"scope": scope}) is ErrorCode.INVALID_SCOPE


class TestAnything:
    """Whatever comes in, it is read or refused, and the refusal keeps to the alphabet of RFC 6749 §5.2."""

    @given(
        content_types=st.lists(st.sampled_from([FORM, "application/json", "text/plain", ""]), max_size=2),
        authorizations=st.lists(st.text() | st.binary().map(_basic_header), max_size=2),
        query=st.text(),
        body=st.one_of(
            st.binary(),
            st.dictionaries(_NAMES, st.text()).map(lambda d: urlencode(d).encode()),
            st.recursive(
                st.none() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(_NAMES, inner),
            ).map(lambda value: json.dumps(value).encode()),
        ),
    )
    @example(content_types=["application/json"], authorizations=[], query="", body=b"{" * 16_384)
    def test_no_other_outcome(
        self, content_types: list[str], authorizations: list[str], query: str, body: bytes
    ) -> None:
        try:
            credentials = parsed(content_types, authorizations, query, body).credentials
            said = (
                credentials.client_id.encode() + credentials.client_secret.encode()
                if isinstance(credentials, SecretCredentials)
                else credentials.assertion.encode("utf-8", "surrogatepass")
            )
        except RequestRefused as refused:
            said = refused.description.encode("ascii")
            if re.search(rb'["\\\\\x00-\x1f\x7f]', said):
                raise AssertionError(refused.description) from refused
        assert said
