"""``artstore transaction list|show|retry|compensate``: work of several steps, and what became of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.wire.transactions import Transaction

app = typer.Typer(no_args_is_help=True, help="Transactions, such as finalizations of documents.")
_TransactionId = Annotated[str, typer.Argument(metavar="TRANSACTION", help="The id of the transaction.")]


@app.command("list")
def list_transactions(
    state: Annotated[
        str | None,
        typer.Option(help="pending, running, done, compensating, undone or failed."),
    ] = None,
    document: Annotated[str | None, typer.Option(metavar="FILE_ID", help="Only those of it.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """List transactions, the newest first.

    Example: artstore transaction list --state failed
    """
    from artstore.cli.output import print_json, print_table
    from artstore.sdk import Client
    from artstore.wire.transactions import TransactionState

    try:
        wanted = None if state is None else TransactionState(state)
    except ValueError:
        raise typer.BadParameter(f"{state!r} is no state of a transaction", param_hint="--state") from None
    found: list[Transaction] = []
    with Client(profile) as client:
        for page in client.transactions.pages(state=wanted, file_id=document):
            found += page
            if len(found) >= limit:
                break
    if as_json:
        for transaction in found[:limit]:
            print_json(transaction)
        return
    print_table(
        ["id", "kind", "state", "step", "document", "since", "error"],
        [
            [
                str(one.transaction_id),
                one.kind,
                one.state,
                one.step,
                str(one.file_id),
                f"{one.created_at:%Y-%m-%d %H:%M:%S}",
                one.error or "",
            ]
            for one in found[:limit]
        ],
    )


@app.command()
def show(transaction: _TransactionId, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """Show one transaction, with every attempt at its steps.

    Example: artstore transaction show 019ab2c4-7f00-7000-8000-000000000001
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        tell(client.transactions.read(transaction), as_json=as_json)


@app.command()
def retry(transaction: _TransactionId, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """Let one that failed, or that waits for its next attempt, go on at once.

    Example: artstore transaction retry 019ab2c4-7f00-7000-8000-000000000001
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        tell(client.transactions.retry(transaction), as_json=as_json)


@app.command()
def compensate(transaction: _TransactionId, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """Have a transaction undone that is not committed.

    Example: artstore transaction compensate 019ab2c4-7f00-7000-8000-000000000001
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        tell(client.transactions.compensate(transaction), as_json=as_json)


def tell(transaction: "Transaction", *, as_json: bool) -> None:
    """On stdout: for each command that begins or changes one."""
    from artstore.cli.output import print_json, print_table

    if as_json:
        print_json(transaction)
        return
    print(f"{transaction.transaction_id} ({transaction.kind}) is {transaction.state} at {transaction.step}")
    print(
        f"document {transaction.file_id} from {transaction.source_element_id} to"
        f" {transaction.target_element_id}, {transaction.copied_bytes} of {transaction.total_bytes} bytes"
    )
    if transaction.committed_at is not None:
        print(f"committed {transaction.committed_at:%Y-%m-%d %H:%M:%S}")
    if transaction.next_at is not None:
        print(f"goes on {transaction.next_at:%Y-%m-%d %H:%M:%S}")
    if transaction.history:
        print_table(
            ["step", "ended", "error"],
            [[one.step, f"{one.ended_at:%Y-%m-%d %H:%M:%S}", one.error or ""] for one in transaction.history],
        )
