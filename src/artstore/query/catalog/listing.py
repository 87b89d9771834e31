"""Asking an element what has changed since an LSN."""

import aiohttp
from pydantic import ValidationError

from artstore.kernel.peers import AdminAway, ServiceToken
from artstore.query.catalog.catching_up import ListingUnavailable
from artstore.wire.documents import DocumentState, ElementDocumentPage

PAGE_ITEMS = 500
LISTING_PATH = "/api/v1/files"


class ElementListing:
    """The listings of elements, read with the account of this service (scopes files:read, files:all)."""

    def __init__(self, session: aiohttp.ClientSession, token: ServiceToken) -> None:
        self._session = session
        self._token = token

    async def page(self, url: str, *, since: int, cursor: str | None) -> ElementDocumentPage:
        """Changed documents in the order of their last change. Raises ListingUnavailable."""
        parameters: dict[str, str | int] = {"since_lsn": max(0, since), "limit": PAGE_ITEMS}
        if cursor is not None:
            parameters["cursor"] = cursor
        try:
            headers = {"Authorization": f"Bearer {await self._token.get()}"}
            async with self._session.get(url + LISTING_PATH, params=parameters, headers=headers) as answer:
                body = await answer.read()
                if answer.status == 401:
                    self._token.forget()
                if answer.status != 200:
                    raise ListingUnavailable(f"the element answered with status {answer.status}")
                return _checked(ElementDocumentPage.model_validate_json(body))
        except AdminAway as error:
            raise ListingUnavailable(str(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ListingUnavailable(f"{type(error).__name__} asking the element") from error
        except ValidationError as error:
            raise ListingUnavailable(f"its listing is unreadable: {error.error_count()} errors") from error


def _checked(page: ElementDocumentPage) -> ElementDocumentPage:
    lsns = [item.lsn for item in page.items]
    if lsns != sorted(lsns) or (page.next_cursor is not None and not lsns):
        raise ListingUnavailable("its listing is not in the order of LSNs")
    if any(item.state is DocumentState.ACTIVE and item.document is None for item in page.items):
        raise ListingUnavailable("its listing has a document without attributes")
    return page
