"""The page on access shows the scopes and roles that there are."""

from artstore.wire.scopes import ROLE_SCOPES, Role, Scope
from tests.support import descriptions, pages

PAGE = pages.read("access.md")


def test_every_scope_is_told() -> None:
    told = [row.name for row in pages.rows(PAGE, "scope") if row.heading == "Scopes"]
    assert told == [scope.value for scope in Scope]


def test_the_table_of_roles() -> None:
    table = [row for row in pages.rows(PAGE, "scope") if row.heading == "Roles"]
    told = {
        Role(column.strip("`")): {Scope(row.name) for row in table if row[column] == "yes"}
        for column in table[0].cells
        if column != "scope"
    }
    assert told == ROLE_SCOPES


def test_scopes_that_nothing_needs_are_told_to_be_so() -> None:
    needed = {
        scope
        for service in descriptions.SERVICES
        for methods in descriptions.description(service)["paths"].values()
        for operation in methods.values()
        for security in operation.get("security", [])
        for scopes in security.values()
        for scope in scopes
    }
    useless = {
        row.name for row in pages.rows(PAGE, "scope") if row.cells.get("allows", "").startswith("nothing yet")
    }
    assert useless == {scope.value for scope in Scope} - needed - {Scope.FILES_ALL}
