"""The way of an upload: read its head, choose an element, relay, answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from artstore.attributes import new_file_id
from artstore.ingester.admission import Admission
from artstore.ingester.choice import Directory
from artstore.ingester.files.versions import Versions
from artstore.ingester.idempotency.header import idempotency_key
from artstore.ingester.idempotency.once import Answer, Keys, Once, reused
from artstore.ingester.metrics import UPLOADS
from artstore.ingester.placement import Wanted
from artstore.ingester.settings import IngesterSettings
from artstore.ingester.uploads.body import UploadBody
from artstore.ingester.uploads.delivery import Delivery, Identity, InBatch, NewDocument
from artstore.ingester.uploads.held import Holding
from artstore.ingester.uploads.pace import PaceLimits
from artstore.ingester.uploads.relay import ElementAnswer, Patience, Relay
from artstore.ingester.uploads.retried import Retried
from artstore.ingester.uploads.settling import PAUSES
from artstore.kernel.access import Principal
from artstore.kernel.digests import announced_sha256
from artstore.kernel.peers import Breakers, forwarded_headers
from artstore.kernel.problems import Problem
from artstore.wire.batches import BATCH_ID
from artstore.wire.headers import EXPECTED_SIZE, IDEMPOTENCY_REPLAYED, REPR_DIGEST
from artstore.wire.problems import ProblemType

_KEPT_HEADERS = ("Content-Type", "Location", "ETag")
_RELAYED_HEADERS = ("Content-Type", "Location", "ETag", "Retry-After", "WWW-Authenticate")


@dataclass(frozen=True)
class Uploads:
    """Takes uploads."""

    session: aiohttp.ClientSession
    directory: Directory
    settings: IngesterSettings
    breakers: Breakers
    keys: Keys
    admission: Admission
    versions: Versions
    retried: Retried
    pauses: Sequence[float] = PAUSES
    """Before each time that an element is asked what became of a document."""
    _holding: Holding = field(init=False)
    _delivery: Delivery = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        patience = Patience(
            settings.element_silence_seconds, settings.element_answer_seconds, settings.held_answer_seconds
        )
        delivery = Delivery(self.session, self.directory, self.breakers, settings, patience, self.pauses)
        object.__setattr__(self, "_delivery", delivery)
        object.__setattr__(self, "_holding", Holding(settings.held_bytes))

    async def take(self, request: Request, principal: Principal, form: type[UploadBody]) -> Response:
        """The element's answer to the upload in ``request``, of which ``form`` makes what the element takes.

        Raises Problem, and ClientDisconnect.
        """
        pace = PaceLimits.of(self.settings)
        try:
            body = form(request, max_file_bytes=self.settings.max_file_bytes, pace=pace)
            key = idempotency_key(request.headers)
            with self.admission.taken(principal.account_id):
                if key is None:
                    response = _response(await self._relay(request, principal, body, _new_document()))
                else:
                    response = await self._once(request, principal, body, key)
        except ClientDisconnect:
            UPLOADS.labels("client_gone").inc()
            raise
        except Problem as problem:
            UPLOADS.labels(_outcome(problem.status)).inc()
            raise
        UPLOADS.labels(_outcome(response.status_code)).inc()
        return response

    async def _once(self, request: Request, principal: Principal, body: UploadBody, key: str) -> Response:
        """The answer to the upload that the key stands for."""
        once = await self.keys.known(principal.account_id, key)
        if once.was_stored:
            kept = await once.replay(body, announced_sha256(request.headers))
            return Response(kept.content, 201, {**kept.headers, IDEMPOTENCY_REPLAYED: "true"})
        answer = await self._relay(request, principal, body, once)
        if answer.has_document and answer.status != 201:
            raise reused()
        if answer.status != 201:
            return _response(answer)
        headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        kept = await once.stored(body, Answer(headers, answer.content))
        return Response(kept.content, 201, dict(kept.headers))

    async def _relay(
        self, request: Request, principal: Principal, body: UploadBody, identity: Identity
    ) -> ElementAnswer:
        announced_sha256(request.headers)  # refused before the body is read; the element compares
        head = await body.head(seconds=self.settings.head_seconds)
        told = await self.versions.headers(head.follows, request, principal)
        with self._holding.room(body) as room:
            if room.may_be_held:
                await self._holding.read(body, head.pieces)
            relay = Relay(self.session, body, head.pieces, room.give_back)
            asking = forwarded_headers(request, principal)
            headers = asking | _headers(request, relay, head.wanted) | told
            headers["Content-Type"] = body.content_type
            if body.batch is not None:
                headers[BATCH_ID] = body.batch.id_at_element
                identity = InBatch(identity, body.batch.element_id)
            elif isinstance(identity, Once):
                identity = await self.retried.identity(identity, principal, asking)
            answer = await self._delivery.deliver(relay, head.wanted, headers, identity)
            self.versions.check(answer.status, answer.content)
            return answer


def _new_document() -> Identity:
    return NewDocument(new_file_id(datetime.now(UTC)))


def _response(answer: ElementAnswer) -> Response:
    headers = {name: answer.headers[name] for name in _RELAYED_HEADERS if name in answer.headers}
    return Response(answer.content, answer.status, headers)


def _headers(request: Request, relay: Relay, wanted: Wanted) -> dict[str, str]:
    headers: dict[str, str] = {}
    if relay.body_bytes is not None:
        headers["Content-Length"] = str(relay.body_bytes)
    if digests := request.headers.getlist(REPR_DIGEST):
        headers[REPR_DIGEST] = ", ".join(digests)
    if wanted.at_most is not None:
        headers[EXPECTED_SIZE] = str(wanted.at_most)
    return headers


def _outcome(status: int) -> str:
    if status < 300:
        return "stored"
    if status == ProblemType.INSUFFICIENT_STORAGE.status:
        return "no_room"
    if status == ProblemType.NO_ELEMENT_AVAILABLE.status:
        return "unavailable"
    return "refused" if status < 500 else "failed"
