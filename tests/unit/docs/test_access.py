"""The page on access shows the scopes and roles that there are."""

from artstore.wire.scopes import ADMINISTRATOR_SCOPES, ROLE_SCOPES, AdministratorRole, Scope
from tests.support import descriptions, pages

PAGE = pages.read("access.md")


def test_every_scope_is_told() -> None:
    told = [row.name for row in pages.rows(PAGE, "scope") if row.heading == "Scopes"]
    assert told == [scope.value for scope in Scope]


def table_of(heading: str) -> dict[str, set[Scope]]:
    table = [row for row in pages.rows(PAGE, "scope") if row.heading == heading]
    assert [row.name for row in table] == [scope.value for scope in Scope]
    return {
        column.strip("`"): {Scope(row.name) for row in table if row[column] == "yes"}
        for column in table[0].cells
        if column != "scope"
    }


def test_the_table_of_roles() -> None:
    assert table_of("Roles") == ROLE_SCOPES


def test_the_table_of_roles_of_administrators() -> None:
    assert table_of("Roles of administrators") == ADMINISTRATOR_SCOPES


def test_nobody_gets_to_write_administrators_by_way_of_an_account() -> None:
    """Whoever can make accounts of every role would become everything that one of them may be."""
    assert all(Scope.ADMINISTRATORS_WRITE not in scopes for scopes in ROLE_SCOPES.values())
    with_it = {role for role, scopes in ADMINISTRATOR_SCOPES.items() if Scope.ADMINISTRATORS_WRITE in scopes}
    assert with_it == {AdministratorRole.SUPER_ADMIN}


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
    # No route by itself needs these: one extends others, one belongs to a token beside that of the caller.
    assert useless == {scope.value for scope in Scope} - needed - {Scope.FILES_ALL, Scope.VERSIONS_VOUCH}
