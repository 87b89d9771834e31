"""What each mode of an element allows (design of the modes: ``wire.elements.Mode``)."""

from enum import StrEnum

from artstore.engine import Mode, ModeForbids


class Operation(StrEnum):
    CREATE = "create"
    READ = "read"
    UPDATE = "update attributes"
    DELETE = "delete"
    READ_ATTRIBUTES = "read attributes"


ALLOWED: dict[Mode, tuple[Operation, ...]] = {
    Mode.EDIT: (Operation.CREATE, Operation.READ, Operation.UPDATE, Operation.DELETE),
    Mode.RW: (Operation.CREATE, Operation.READ, Operation.UPDATE),
    Mode.RO: (Operation.READ,),
    Mode.AR: (Operation.READ_ATTRIBUTES,),
}


def demand(mode: Mode, operation: Operation) -> None:
    """Raises ModeForbids, as the engine would later."""
    if operation not in ALLOWED[mode]:
        raise ModeForbids(mode, operation)
