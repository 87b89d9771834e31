"""The command line ``artstore``: one module for each command, loaded only when that command runs.

``main`` decides what to load: ``artstore <service> serve``, which the launcher and containers start, goes
past typer and rich; everything else is a typer application (``app``). What commands have in common: the
shared options and the profile (``session``), how results are shown to people and to machines (``output``)
and the exit codes (``exits``). A command turns words into calls of the SDK, the launcher or the checker and
shows what comes back; it holds no rules of its own.
"""
