"""Questions, from what came in a URL or a body."""

from collections.abc import Iterable
from dataclasses import replace

from artstore.query.search.attributes import read_attribute
from artstore.query.search.facets import read_facets
from artstore.query.search.service import Question
from artstore.wire.search import BodyBasis, ExportParameters, SearchParameters, SearchRequest
from artstore.wire.search_filters import AttributeFilter, SearchFilters


def basis(asked: BodyBasis | ExportParameters | SearchParameters) -> Question:
    """What decides which documents are found, and in which order. Raises Problem INVALID_PARAMETER."""
    filters = SearchFilters.model_validate(
        {name: getattr(asked, name) for name in SearchFilters.model_fields}
    )
    return Question(
        asked.q,
        limit=1,
        mode=asked.mode,
        sort=asked.sort,
        filters=filters,
        attributes=tuple(_conditions(asked.attribute)),
    )


def question(asked: SearchParameters | SearchRequest) -> Question:
    """The question for a page. Raises Problem INVALID_PARAMETER."""
    return replace(
        basis(asked),
        limit=asked.limit,
        cursor=asked.cursor,
        total=asked.total,
        highlight=asked.highlight,
        facets=read_facets(asked.facet),
    )


def _conditions(given: Iterable[AttributeFilter | str]) -> Iterable[tuple[AttributeFilter, ...]]:
    return (read_attribute(one) if isinstance(one, str) else (one,) for one in given)
