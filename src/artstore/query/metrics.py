"""What Query counts, beside what every service counts."""

from prometheus_client import Counter, Gauge, Histogram

CATALOG_LAG = Gauge(
    "artstore_query_catalog_lag_records",
    "Changes that an element has announced and that are not in the catalog yet",
    ("element",),
)
CATALOG_DELAY = Histogram(
    "artstore_query_catalog_delay_seconds",
    "Seconds from when an element had a change for good until the catalog had it, of changes that came by"
    " events soon enough for that time to be known",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 30, 300),
)
CATALOG_DOCUMENTS = Gauge("artstore_query_catalog_documents", "Documents in the catalog", ("element",))
CATALOG_CHANGES = Counter(
    "artstore_query_catalog_changes",
    "Log records that were taken into the catalog, by where they came from: events or listing",
    ("source",),
)
SEARCHES = Counter(
    "artstore_query_searches", "Searches, by outcome: found, nothing, refused or unavailable", ("outcome",)
)
SEARCH_SECONDS = Histogram(
    "artstore_query_search_seconds",
    "Seconds that the database took to answer a search",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
DOWNLOAD_BYTES = Counter("artstore_query_download_bytes", "Bytes of documents that were sent to clients")
DOWNLOADS_BROKEN = Counter(
    "artstore_query_downloads_broken",
    "Downloads that did not reach their end, by whose connection broke: element or client",
    ("side",),
)
CACHE_LOOKUPS = Counter(
    "artstore_query_cache_lookups",
    "Questions about one document to the catalog, by what the cache of the process did: hit, miss, or unsure"
    " while events may not arrive",
    ("outcome",),
)
DOWNLOADS_CONTINUED = Counter(
    "artstore_query_downloads_continued",
    "Times that a download went on after its element broke off, by whether at the same element or another",
    ("element",),
)
DOWNLOADS_UNDER_WAY = Gauge(
    "artstore_query_downloads_under_way", "Documents that are read from an element now", ("element_id",)
)
DIRECT_DOWNLOADS = Counter(
    "artstore_query_direct_downloads",
    "Downloads by links that let the client fetch from the element, by what became of them: sent_on to it, or"
    " through_query where that could not be",
    ("outcome",),
)
ARCHIVES = Counter(
    "artstore_query_archives",
    "Archives of many documents that ended, by outcome: done, broken or client_gone",
    ("outcome",),
)
LOOKUPS = Counter(
    "artstore_query_lookups",
    "Documents looked up by id, by where they were found: catalog, elements or nowhere",
    ("found",),
)
TERMS_BACKFILLED = Counter(
    "artstore_query_terms_backfilled_documents",
    "Documents that were in the catalog before there were suggestions, and whose terms were made since",
)
SUGGESTIONS = Counter(
    "artstore_query_suggestions",
    "Requests for suggestions, by outcome: found, nothing, refused or unavailable",
    ("outcome",),
)
SUGGEST_SECONDS = Histogram(
    "artstore_query_suggest_seconds",
    "Seconds that the database took to suggest",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.5, 1, 5),
)
CORRECTIONS = Counter(
    "artstore_query_corrections",
    "Searches that found nothing until other words were tried",
)
TERMS_REMOVED = Counter(
    "artstore_query_terms_removed", "Terms that were removed, since no document has them any more"
)
