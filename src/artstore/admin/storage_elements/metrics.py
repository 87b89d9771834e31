"""What Admin tells of the elements as a whole."""

from prometheus_client import Gauge

from artstore.wire.elements import ElementStatistics

_ELEMENTS = Gauge("artstore_admin_elements", "Storage elements that are not retired, by health", ("health",))
_STATES = Gauge(
    "artstore_admin_element_states", "Storage elements by what was decided about them", ("state",)
)
_WARNINGS = Gauge(
    "artstore_admin_element_warnings", "Storage elements that somebody should see to, by why", ("warning",)
)


def tell(statistics: ElementStatistics) -> None:
    for health, elements in statistics.by_health.items():
        _ELEMENTS.labels(health).set(elements)
    for state, elements in statistics.by_state.items():
        _STATES.labels(state).set(elements)
    for warning, elements in statistics.by_warning.items():
        _WARNINGS.labels(warning).set(elements)
