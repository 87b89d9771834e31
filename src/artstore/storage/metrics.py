"""What a storage element counts (``GET /metrics``)."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from artstore.engine import Coding, Engine
from artstore.engine.scrub import Scrub, Severity
from artstore.storage.element.thresholds import Thresholds
from artstore.storage.following import LogFollower
from artstore.storage.index.rebuild import Rebuild
from artstore.wire.elements import CapacityStatus

UPLOADS = Counter(
    "artstore_storage_uploads",
    "Uploads by their end: stored, client_gone, failed, or the slug of the problem that refused them",
    ("outcome",),
)
RESUMABLE = Counter(
    "artstore_storage_resumable_requests",
    "Requests of resumable uploads by what they want and their end: done, client_gone, failed, or the slug of"
    " the problem that refused them",
    ("operation", "outcome"),
)
RESUMABLE_EXPIRED = Counter(
    "artstore_storage_resumable_expired", "Resumable uploads that were removed because nothing more came"
)
BATCHES = Counter(
    "artstore_storage_batches",
    "Batches that were to be opened, committed or given up, by their end: done, client_gone, failed, or the"
    " slug of the problem that refused them",
    ("operation", "outcome"),
)
BATCH_DOCUMENTS = Counter("artstore_storage_batch_documents", "Documents that were stored with a batch")
BATCHES_EXPIRED = Counter(
    "artstore_storage_batches_expired", "Open batches that were removed because nothing more came"
)
CHANGES = Counter(
    "artstore_storage_changes",
    "Updates of attributes, extensions, holds, releases, deletions and changes of the mode by their end: done"
    ", client_gone, failed, or the slug of the problem that refused them",
    ("operation", "outcome"),
)
EXPIRED = Counter("artstore_storage_expired_documents", "Documents that were removed, their time being over")
EXPIRING_TOLD = Counter(
    "artstore_storage_expiring_notices", "Documents that followers were told of because they expire soon"
)
EXPIRY_OVERDUE = Gauge(
    "artstore_storage_expiry_overdue_documents",
    "Documents whose time is over and that are still there, as far as the last look at them got; without"
    " those under a legal hold",
)
EXPIRY_ENDED = Gauge(
    "artstore_storage_expiry_ended_timestamp_seconds",
    "When the element was last through with removing what has expired; 0 before the first time",
)
OFFLINE = Counter(
    "artstore_storage_offline_downloads", "Downloads answered with 202 because the bytes are offline"
)
BYTES_IN = Counter("artstore_storage_stored_bytes", "Bytes of documents that were stored")
BYTES_OUT = Counter("artstore_storage_sent_bytes", "Bytes of documents that were sent")
SCRUB_FINDINGS = Counter(
    "artstore_storage_scrub_findings",
    "What the scrub found wrong, by the rule that is broken, and whether it put it right",
    ("code", "repaired"),
)


class ElementCollector(Collector):
    """Reads the state of the element when it is asked for, so that nobody has to keep gauges up to date."""

    def __init__(
        self,
        engine: Engine,
        followers: Iterable[LogFollower],
        rebuild: Rebuild,
        scrub: Scrub,
        thresholds: Thresholds,
    ) -> None:
        self._engine = engine
        self._followers = tuple(followers)
        self._rebuild = rebuild
        self._scrub = scrub
        self._thresholds = thresholds

    def describe(self) -> Iterable[Metric]:
        return ()  # registering asks for names; the state is not to be read for that

    def collect(self) -> Iterable[Metric]:
        capacity = self._engine.capacity()
        status = self._engine.status()
        yield _gauge("capacity_bytes", "Bytes that the element may hold", capacity.capacity_bytes)
        yield _gauge("used_bytes", "Bytes that documents and their attributes take", capacity.used_bytes)
        yield _gauge("reserved_bytes", "Bytes reserved for uploads under way", capacity.reserved_bytes)
        yield _gauge("free_bytes", "Bytes that a new document can still take", capacity.free_bytes)
        level = GaugeMetricFamily(
            "artstore_storage_capacity_status", "1 for the status that the room has now", labels=["status"]
        )
        now = self._thresholds.status(capacity)
        for each in CapacityStatus:
            level.add_metric([each], each is now)
        yield level
        yield _gauge(
            "upload_memory_bytes",
            "Bytes of documents on their way in that are in memory",
            self._engine.body_memory.held_bytes,
        )
        resumable = self._engine.resumable.figures()
        yield _gauge(
            "resumable_uploads", "Resumable uploads that have not become documents", resumable.unfinished
        )
        yield _gauge("resumable_bytes", "Bytes of them that are in the element", resumable.staged_bytes)
        batches = self._engine.batches.figures()
        yield _gauge("batches_open", "Batches that are open", batches.open)
        yield _gauge("batches_waiting_documents", "Documents in them", batches.documents)
        yield _gauge("batches_waiting_bytes", "Bytes of these", batches.bytes)
        yield _gauge("documents", "Documents in the element", capacity.documents)
        yield from self._of_coding()
        yield _gauge("log_last_lsn", "The newest durable change", status.last_lsn)
        yield _gauge("log_segments", "Segments of the log on disk", status.segments)
        yield _gauge("log_bytes", "Bytes of the log that the slowest follower has not taken", status.bytes)
        yield CounterMetricFamily(
            "artstore_storage_log_flushes", "Times the log was flushed to disk", status.flushes
        )
        rebuilt = self._rebuild.progress
        yield _gauge("index_rebuild_running", "1 while the index is being rebuilt", self._rebuild.is_running)
        yield _gauge(
            "index_rebuild_documents",
            "Documents that the rebuild of the index under way, or the last one, has written",
            rebuilt.documents if rebuilt is not None else 0,
        )
        lag = GaugeMetricFamily(
            "artstore_storage_follower_lag", "Changes that a follower has not taken", labels=["follower"]
        )
        for name, follower in status.followers.items():
            lag.add_metric([name], follower.lag)
        yield lag
        away = GaugeMetricFamily(
            "artstore_storage_follower_away", "1 while a follower is not at work", labels=["follower"]
        )
        reasons = {name: follower.away for name, follower in status.followers.items()}
        reasons |= {outside.name: outside.status.away for outside in self._followers}
        for name, reason in reasons.items():
            away.add_metric([name], reason is not None)
        yield away
        yield from self._of_scrub()

    def _of_coding(self) -> Iterable[Metric]:
        figures = self._engine.coding
        for name, help_text, counted in (
            ("documents", "Documents that were stored compressed", figures.documents),
            ("original_bytes", "Bytes of them as they came", figures.original_bytes),
            ("stored_bytes", "Bytes of them as they were stored", figures.stored_bytes),
        ):
            family = CounterMetricFamily(
                f"artstore_storage_compressed_{name}", help_text, labels=["encoding"]
            )
            for coding in Coding:
                family.add_metric([coding], counted[coding])
            yield family
        yield CounterMetricFamily(
            "artstore_storage_compression_undone",
            "Documents that were compressed while they came, and stored as they are in the end",
            figures.undone,
        )

    def _of_scrub(self) -> Iterable[Metric]:
        progress, last = self._scrub.progress(), self._scrub.last_result()
        yield _gauge("scrub_running", "1 while the scrub reads", progress.running)
        yield _gauge("scrub_documents", "Documents that the pass under way has read", progress.documents)
        yield _gauge("scrub_bytes", "Bytes that the pass under way has read", progress.bytes)
        open_findings = GaugeMetricFamily(
            "artstore_storage_scrub_open_findings",
            "What is wrong now, as far as the scrub found it",
            labels=["severity"],
        )
        severities = [finding.severity for finding in self._scrub.open_findings()]
        for severity in Severity:
            open_findings.add_metric([severity], severities.count(severity))
        yield open_findings
        yield _gauge(
            "damaged_documents", "Documents that are damaged and not served", len(self._engine.damage)
        )
        yield _moment(
            "oldest_verified_timestamp_seconds",
            "When the document was last verified that waits longest; 0 where there are none",
            self._scrub.oldest_verified(),
        )
        yield _moment(
            "scrub_ended_timestamp_seconds",
            "When the last whole pass of the scrub ended; 0 before the first",
            last.ended_at if last is not None else None,
        )


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"artstore_storage_{name}", help_text, value)


def _moment(name: str, help_text: str, at: datetime | None) -> GaugeMetricFamily:
    return _gauge(name, help_text, at.timestamp() if at is not None else 0)
