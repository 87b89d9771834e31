"""The refresh token in a browser: a cookie that no script reads, and that pages of others cannot use.

The cookie is ``HttpOnly``, ``SameSite=Strict``, ``Secure`` unless Admin is reached on loopback, and sent to
``/api/v1/admin-auth`` only. The access token stays in the memory of the page. Against requests that another
site makes the browser send (CSRF) there is a second line besides ``SameSite``: ``Sec-Fetch-Site``, which a
browser sets and no page can, and where it is missing ``Origin``. Neither is sent by what is no browser.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request, Response

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

PATH = "/api/v1/admin-auth"
_SAME = frozenset({"same-origin", "none"})


class RefreshCookie:
    """``public_url`` is where browsers reach Admin."""

    def __init__(self, public_url: str) -> None:
        address = urlsplit(public_url)
        self._origin = f"{address.scheme}://{address.netloc}".lower()
        self._secure = not (address.scheme == "http" and _is_loopback(address.hostname or ""))
        # With the prefix a browser takes the cookie from HTTPS only, not from somebody between.
        self.name = "__Secure-artstore-refresh" if self._secure else "artstore-refresh"

    def read(self, request: Request) -> str | None:
        return request.cookies.get(self.name)

    def set(self, response: Response, token: str, seconds: int) -> None:
        response.set_cookie(
            self.name,
            token,
            max_age=seconds,
            path=PATH,
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )

    def clear(self, response: Response) -> None:
        response.delete_cookie(self.name, path=PATH, secure=self._secure, httponly=True, samesite="strict")

    def require_own_page(self, request: Request) -> None:
        """Raises Problem CROSS_ORIGIN for what a page of another origin made a browser send."""
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        if site is not None:
            allowed = site in _SAME
        elif origin is not None:
            host = request.headers.get("host", "").lower()
            allowed = origin.lower() == self._origin or urlsplit(origin.lower()).netloc == host != ""
        else:
            allowed = True
        if not allowed:
            raise Problem(
                ProblemType.CROSS_ORIGIN,
                "Logins are taken from pages of this origin only, and from programs that are no browsers.",
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
