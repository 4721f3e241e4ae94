"""``python -m gb28181``: the same as the console script."""

from gb28181.cli import main

main()
