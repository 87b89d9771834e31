"""The table of ``docs/access-matrix.md``: what each caller may do at each endpoint of each service."""

from dataclasses import dataclass

from artstore.wire.scopes import AdministratorRole, Role
from tests.support import pages

PAGE = "access-matrix.md"
NOBODY = "nobody"
SERVICES = "the services"
EVERY_SERVICE = "every service"
HEADINGS = {"admin": "Admin", "storage": "Storage Element", "ingester": "Ingester", "query": "Query"}
"""How the pages call a service, by the name of its package."""
ACCOUNTS = {f"account {role}": role for role in Role}
PERSONS = {f"person {role}": role for role in AdministratorRole}
CALLERS = (NOBODY, *ACCOUNTS, SERVICES, *PERSONS)

YES = "yes"
CANNOT_BE = "–"
LEFT_OUT = "left out"
OUTCOMES = {YES, "400", "401", "403", "403*", "404", LEFT_OUT, CANNOT_BE}

OWN = "own"
OTHERS = "another's"
GRANTED_READ = "granted files:read"
GRANTED_WRITE = "granted files:write"


@dataclass(frozen=True)
class Row:
    endpoint: str
    """Method and path, as the description of the API has them."""
    service: str
    """The heading of a service, or ``EVERY_SERVICE``."""
    whose: str
    """Empty where it makes no difference."""
    cells: dict[str, str]
    """By caller."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.service, self.endpoint, self.whose)))


def rows() -> list[Row]:
    found = []
    for row in pages.rows(pages.read(PAGE), "endpoint"):
        cells = {column.replace("`", ""): cell.replace("`", "") for column, cell in row.cells.items()}
        endpoint, service, whose = (cells.pop(column) for column in ("endpoint", "service", "whose"))
        found.append(Row(endpoint, service, whose, cells))
    return found
