"""Processes of the benchmark: each answers commands, one JSON object a line, until told to end.

The parent's side is `Child`; the other side is a loop of its own, or `commands` for one that only
waits. A child that dies takes the run with it: a figure without its load would be a lie.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.processes import cpu_seconds, family
from tests.e2e.server import ROOT

PATIENCE_S = 600.0


class Child:
    """`python -m tests.benchmarks.<module>` and the pipe to it."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self.hello: dict[str, Any] = self._answer(30.0)

    def ask(self, do: str, *, patience_s: float = PATIENCE_S, **values: Any) -> dict[str, Any]:
        """Send a command and wait until it is done."""
        self.tell(do, **values)
        return self._answer(patience_s)

    def tell(self, do: str, **values: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **values}).encode() + b"\n")
        self.process.stdin.flush()

    def _answer(self, patience_s: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        deadline = time.monotonic() + patience_s
        while not select.select([self.process.stdout], [], [], 0.5)[0]:
            if time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"{self.process.args!r} did not answer in {patience_s} s")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait(5)}")
        found: dict[str, Any] = json.loads(line)
        return found

    def cpu(self) -> float:
        return cpu_seconds(family(self.process.pid))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def child(module: str, *arguments: str) -> Iterator[Child]:
    started = Child(module, *arguments)
    try:
        yield started
    finally:
        started.close()


def say(**values: Any) -> None:
    """The child's answer."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


class CommandReader:
    """Standard input as something a loop can wait for."""

    def __init__(self, commands: dict[str, Callable[..., None]]) -> None:
        self._commands = commands
        self._rest = b""
        self.fileno = sys.stdin.fileno()
        os.set_blocking(self.fileno, False)

    def read(self) -> None:
        """Run what came; the end of input ends the process."""
        try:
            data = os.read(self.fileno, 65536)
        except BlockingIOError:
            return
        if not data:
            raise SystemExit(0)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            values = json.loads(line)
            self._commands[values.pop("do")](**values)
