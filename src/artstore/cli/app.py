"""The commands of ``artstore``, put together."""

import typer

from artstore.cli import (
    account,
    account_grants,
    account_life,
    archive,
    audit,
    demo,
    elements,
    exits,
    export,
    get,
    info,
    key,
    link,
    put,
    retention,
    search,
    services,
    suggest,
    transaction,
    transfer,
    up,
    verify,
    versions,
)

_EXITS = "\n\n".join(f"{code}  {meaning}" for code, meaning in exits.MEANINGS.items())

app = typer.Typer(
    name="artstore",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Keeps documents for decades: store them, find them, get them back bit for bit.",
    epilog=f"Exit codes:\n\n{_EXITS}",
)
for module in (
    *(up, demo, put, get, search, export, suggest, info, versions, retention, transfer, link, archive),
    verify,
):
    module.register(app)
for part in (account_life, account_grants):
    part.register(account.app)
app.add_typer(elements.app, name="elements", rich_help_panel="Systems")
app.add_typer(account.app, name="account")
app.add_typer(key.app, name="key")
app.add_typer(audit.app, name="audit")
app.add_typer(transaction.app, name="transaction", rich_help_panel="Systems")
services.register(app)
