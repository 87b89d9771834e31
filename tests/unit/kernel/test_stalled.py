"""How long clients may take nothing."""

from artstore.kernel.stalled import STALLED_SECONDS
from artstore.query.settings import QuerySettings

_SEND_BUFFER_BYTES = 4 << 20
"""The third value of ``net.ipv4.tcp_wmem``, as Linux has it by itself."""


def test_a_client_at_15_kilobytes_a_second_is_not_cut_off() -> None:
    # The kernel asks for more when a third of what it holds is free. The element sends by way of Query, which
    # takes nothing for as long, and then the same again.
    unseen_seconds = _SEND_BUFFER_BYTES / 3 / 15_000
    assert 2 * unseen_seconds < STALLED_SECONDS
    assert unseen_seconds < QuerySettings.model_fields["client_stalled_seconds"].default
