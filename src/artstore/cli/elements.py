"""``artstore elements``: the storage elements, their state, and what is decided about them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.wire.elements import ElementAnnouncement, ListedElement

_ElementId = Annotated[str, typer.Argument(metavar="ELEMENT", help="The id of the element.")]
_NONE = "none"
_Priority = Annotated[int | None, typer.Option(help="Elements with a smaller number are filled first.")]
_LimitBytes = Annotated[
    str | None,
    typer.Option(metavar="BYTES", help="Place documents while fewer are used; none: no limit."),
]
_LimitFileBytes = Annotated[
    str | None, typer.Option(metavar="BYTES", help="The largest document to place there; none: no limit.")
]
_RetentionUntil = Annotated[
    str | None, typer.Option(metavar="DATE", help="Until when to keep the documents, 2046-12-31; none: open.")
]
_Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="K=V", help="All labels it has then; may be repeated.")
]

app = typer.Typer(help="The storage elements and what is decided about them.")


@app.callback(invoke_without_command=True)
def elements(context: typer.Context, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """List the storage elements, or do something with one.

    Example: artstore elements
    """
    if context.invoked_subcommand is None:
        list_elements(profile, as_json)


@app.command("list")
def list_elements(profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """List the storage elements with mode, state, room, health and warnings.

    Example: artstore elements list --json
    """
    from artstore.cli.output import print_json, print_table, size_word
    from artstore.sdk import Client

    with Client(profile) as client:
        found = client.elements()
    if as_json:
        for element in found:
            print_json(element)
        return
    print_table(
        [
            "id",
            "mode",
            "health",
            "documents",
            "used",
            "free",
            "room",
            "address",
            "state",
            "priority",
            "warnings",
        ],
        [
            [
                element.element_id,
                element.mode,
                _health(element),
                str(element.documents),
                size_word(element.used_bytes),
                size_word(element.free_bytes),
                element.capacity_status,
                element.url,
                element.registration.state,
                str(element.registration.priority),
                " ".join(element.warnings),
            ]
            for element in found
        ],
    )


def _health(element: "ElementAnnouncement") -> str:
    found = element.open_findings
    return f"{element.health}, {found} finding{'' if found == 1 else 's'}" if found else element.health


@app.command()
def show(element_id: _ElementId, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """Show one element with all that is decided about it.

    Example: artstore elements show rw-01
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        _tell(client.registry.read(element_id), as_json)


@app.command()
def register(
    url: Annotated[str, typer.Argument(help="Where the element is reached; it is asked what it is.")],
    element_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Do not ask: register it by hand, with --mode.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="edit, rw, ro or ar; with --id.")] = None,
    priority: _Priority = None,
    labels: _Labels = None,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Register an element by its address, or by hand. Those that share Redis with Admin register themselves.

    Example: artstore elements register http://10.0.0.7:8010 --label site=north
    """
    from artstore.sdk import Client

    by_hand = {name: value for name, value in (("element_id", element_id), ("mode", mode)) if value}
    decided = _decided(priority=priority, labels=labels)
    with Client(profile) as client:
        _tell(client.registry.register(url, **by_hand, **decided), as_json)


@app.command("set")
def set_(
    element_id: _ElementId,
    priority: _Priority = None,
    limit_bytes: _LimitBytes = None,
    limit_file_bytes: _LimitFileBytes = None,
    retention_until: _RetentionUntil = None,
    labels: _Labels = None,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Change what is decided about an element; what is not named stays.

    Example: artstore elements set rw-01 --priority 10 --retention-until 2046-12-31
    """
    from artstore.sdk import Client

    decided = _decided(
        priority=priority,
        limit_bytes=limit_bytes,
        limit_file_bytes=limit_file_bytes,
        retention_until=retention_until,
        labels=labels,
    )
    if not decided:
        raise typer.BadParameter("say what to change; see --help")
    with Client(profile) as client:
        _tell(client.registry.change(element_id, **decided), as_json)


@app.command()
def drain(
    element_id: _ElementId,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="ELEMENT", help="Move its documents there; both are of mode edit."),
    ] = None,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Let an element take no new documents, and empty it, if you say into which one.

    Example: artstore elements drain rw-01
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        _tell(client.registry.drain(element_id, moves_to=to), as_json)


@app.command()
def activate(element_id: _ElementId, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """Let a drained or retired element take documents again.

    Example: artstore elements activate rw-01
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        _tell(client.registry.activate(element_id), as_json)


@app.command()
def retire(
    element_id: _ElementId,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Although it has documents, or is away so that nobody knows.")
    ] = False,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Say that an element is to be switched off: one that is drained and empty, or confirmed.

    Example: artstore elements retire rw-01
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        _tell(client.registry.retire(element_id, confirm=confirm), as_json)


@app.command()
def statistics(profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """Show documents, bytes and room of all elements, by mode.

    Example: artstore elements statistics
    """
    from artstore.cli.output import print_json, print_table, size_word
    from artstore.sdk import Client

    with Client(profile) as client:
        told = client.registry.statistics()
    if as_json:
        print_json(told)
        return
    rows = [(str(mode), figures) for mode, figures in told.by_mode.items() if figures.elements]
    print_table(
        ["mode", "elements", "documents", "used", "free"],
        [
            [
                name,
                str(figures.elements),
                str(figures.documents),
                size_word(figures.used_bytes),
                size_word(figures.free_bytes),
            ]
            for name, figures in [*rows, ("all", told.total)]
        ],
    )


def _decided(**options: Any) -> dict[str, Any]:
    """The members of a RegistrationChange that options name."""
    decided: dict[str, Any] = {}
    for name, value in options.items():
        if value is None:
            continue
        if name == "labels":
            decided[name] = dict(_label(text) for text in value if text != _NONE)
        elif value == _NONE:
            decided[name] = None
        elif name == "retention_until" and len(value) == len("2046-12-31"):
            decided[name] = f"{value}T00:00:00Z"
        else:
            decided[name] = value
    return decided


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is no label: write NAME=VALUE", param_hint="--label")
    return name, value


def _tell(element: "ListedElement", as_json: bool) -> None:
    from artstore.cli.output import clean, print_json, size_word

    if as_json:
        print_json(element)
        return
    decided = element.registration
    told = {
        "id": element.element_id,
        "address": element.url,
        "mode": element.mode,
        "health": element.health,
        "documents": str(element.documents),
        "used": size_word(element.used_bytes),
        "free": size_word(element.free_bytes),
        "state": decided.state,
        "moves to": decided.moves_to or _NONE,
        "priority": str(decided.priority),
        "limit": size_word(decided.limit_bytes) if decided.limit_bytes is not None else _NONE,
        "limit of a file": size_word(decided.limit_file_bytes) if decided.limit_file_bytes else _NONE,
        "keep until": f"{decided.retention_until:%Y-%m-%d}" if decided.retention_until else "open",
        "labels": " ".join(f"{name}={value}" for name, value in decided.labels.items()),
        "warnings": " ".join(element.warnings),
    }
    for name, value in told.items():
        print(f"{name:16}{clean(value)}".rstrip())
