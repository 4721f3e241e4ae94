"""`make bench`: prints the table, part by part."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .bursts import bursts
from .channels import channels
from .options import Options, chosen, parser
from .outputs import long_gop, outputs
from .relay import first_picture, relay
from .signalling import catalog, memory, messages, storm
from .table import Row, Table, machine
from .weather import Weather
from .workers import workers
from .zlmediakit import zlmediakit

PARTS: dict[str, Callable[[Options], Iterator[Row]]] = {
    "storm": storm,
    "memory": memory,
    "catalog": catalog,
    "channels": channels,
    "relay": relay,
    "workers": workers,
    "outputs": outputs,
    "long-gop": long_gop,
    "bursts": bursts,
    "zlmediakit": zlmediakit,
    "first-picture": first_picture,
    "messages": messages,
}
ON_REQUEST = {"messages"}
"""Part of another one; alone only when asked for."""


def main(argv: list[str] | None = None) -> int:
    found = parser(list(PARTS))
    arguments = found.parse_args(argv)
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        found.error(f"no such part: {', '.join(sorted(unknown))}")
    options = chosen(arguments)
    # Measured is what users run; the tiny size only has to go through, and quickly.
    os.environ.setdefault("TEST_PRELOADED", "1" if arguments.tiny else "0")
    print(machine())
    started = time.monotonic()
    with Weather() as weather:
        table = Table(weather)
        table.head()
        for name, part in PARTS.items():
            if name in arguments.parts or (not arguments.parts and name not in ON_REQUEST):
                table.add(part(options))
    print(f"{time.monotonic() - started:.0f} s; {machine()}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([row.to_dict() for row in table.rows], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
