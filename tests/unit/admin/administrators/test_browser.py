"""The cookie of the refresh token, and from which pages it is taken."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from artstore.admin.administrators.browser import RefreshCookie
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


def request(**headers: str) -> Request:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request({"type": "http", "headers": list(named.items())})


def cookie_of(public_url: str) -> str:
    response = Response()
    RefreshCookie(public_url).set(response, "token", 60)
    return response.headers["set-cookie"]


@pytest.mark.parametrize(
    "url",
    ["https://archive.example", "https://127.0.0.1:8000", "http://archive.example", "http://10.0.0.1:8000"],
)
def test_is_sent_over_https_only(url: str) -> None:
    cookie = cookie_of(url)
    assert cookie.startswith("__Secure-artstore-refresh=token;")
    assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/api/v1/admin-auth"} <= set(cookie.split("; "))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost", "http://a.localhost"]
)
def test_but_on_loopback(url: str) -> None:
    cookie = cookie_of(url)
    assert cookie.startswith("artstore-refresh=token;")
    assert "secure" not in cookie.lower().split("; ")


def test_is_read_and_cleared_under_its_name() -> None:
    cookie = RefreshCookie("https://archive.example")
    assert cookie.read(request(cookie="__Secure-artstore-refresh=token")) == "token"
    assert cookie.read(request(cookie="artstore-refresh=token")) is None
    response = Response()
    cookie.clear(response)
    assert response.headers["set-cookie"].startswith('__Secure-artstore-refresh=""; ')


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "same-origin", "origin": "https://proxied.example"},
        {"origin": "https://archive.example"},
        {"origin": "HTTPS://Archive.Example"},
        {"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"},
    ],
    ids=str,
)
def test_own_pages_and_programs(headers: dict[str, str]) -> None:
    RefreshCookie("https://archive.example").require_own_page(request(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": ""},
        {"sec_fetch_site": "cross-site", "origin": "https://archive.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://evil.example", "host": "archive.example"},
        {"origin": "http://archive.example"},
        {"origin": "https://archive.example.evil.example"},
        {"origin": "https://archive.example:444"},
    ],
    ids=str,
)
def test_pages_of_others(headers: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        RefreshCookie("https://archive.example").require_own_page(request(**headers))
    assert refused.value.kind is ProblemType.CROSS_ORIGIN
