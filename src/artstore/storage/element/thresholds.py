"""When the room of an element runs out: how little free room is a warning, critical, or as good as none."""

from dataclasses import dataclass

from artstore.engine import Capacity
from artstore.wire.elements import CapacityStatus

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True)
class Threshold:
    """The larger of a part of the capacity and of an amount: a percentage alone lets a small element fill up
    within one document, an amount alone is nothing to a large one."""

    percent: float
    bytes: int

    def of(self, capacity_bytes: int) -> int:
        """Below so many free bytes it is reached."""
        return max(int(capacity_bytes * self.percent / 100), self.bytes)


@dataclass(frozen=True)
class Thresholds:
    """Where a worse status begins with more room than a milder one, the worse one is told."""

    warning: Threshold = Threshold(10, GIB)
    critical: Threshold = Threshold(5, 256 * MIB)
    full: Threshold = Threshold(1, 64 * KIB)

    def status(self, capacity: Capacity) -> CapacityStatus:
        free, whole = capacity.free_bytes, capacity.capacity_bytes
        if free == 0 or free < self.full.of(whole):
            return CapacityStatus.FULL
        if free < self.critical.of(whole):
            return CapacityStatus.CRITICAL
        if free < self.warning.of(whole):
            return CapacityStatus.WARNING
        return CapacityStatus.OK
