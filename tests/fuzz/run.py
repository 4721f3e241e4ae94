"""One target under atheris: python -m tests.fuzz.run TARGET [libFuzzer options] FOLDER..."""

from __future__ import annotations

import importlib
import sys

import atheris

PACKAGES = ["sip", "media", "gb28181", "catalog", "python_multipart"]


def main() -> None:
    with atheris.instrument_imports(include=PACKAGES):
        target = importlib.import_module(f"tests.fuzz.{sys.argv[1]}")
    for seed in target.seeds():
        target.check(seed)  # what is filled at its first use is nothing new
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
