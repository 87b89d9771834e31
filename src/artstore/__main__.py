"""``python -m artstore``: the same as the command ``artstore``."""

from artstore.cli.main import main

main()
