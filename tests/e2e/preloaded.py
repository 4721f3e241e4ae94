"""The product's command line without importing it anew for every test.

Importing takes most of a start, and the tests start some hundred platforms. One process per test
run imports the product and does nothing else; for each start it forks a child that takes on the
arguments, environment, folder and output it is given and runs the same entry point as the console
script. `tests/e2e/test_demo.py` and the tests of the packaging start the console script itself;
`TEST_PRELOADED=0` makes every test do so.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 1 << 18
"""Octets of one order."""


class Started:
    """A process of the product, with the part of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended
        """The exit code arrives here."""

    def poll(self) -> int | None:
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("gb28181", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            text = os.read(self._ended, 16)
            os.close(self._ended)
            assert text, "the process that starts the others is gone"
            self.returncode = int(text)
        return self.returncode


def start(arguments: list[str], folder: Path, env: dict[str, str], output: int) -> Started:
    """`gb28181 ARGUMENTS` in a session of its own; both outputs go to the descriptor `output`."""
    order = json.dumps({"arguments": arguments, "folder": str(folder), "env": env}).encode()
    assert len(order) < LARGEST
    ended, ending = os.pipe()
    line = _line(os.getpid())
    socket.send_fds(line, [order], [output, ending])
    os.close(ending)
    return Started(int(line.recv(16)), ended)


@functools.cache
def _line(_owner: int) -> socket.socket:
    """To the one process of this test process; it ends with us."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, its):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GB28181_")}
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, str(its.fileno())],
        env={**clean, "PYTHONPATH": str(ROOT)},
        pass_fds=[its.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    its.close()

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours


# --- the other process -----------------------------------------------------------------------


def _import_product() -> None:
    """All that a start of the platform, of a relay or of simulated devices imports."""
    import gc
    import threading

    import gb28181.demo
    import gb28181.relaying
    import gb28181.serve
    import gb28181.simulator.run  # noqa: F401

    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1, "a fork would lose threads"


def _serve_orders(line: socket.socket) -> None:
    """Until the line is cut. Returns in a child when it is to run the product."""
    children: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as events:
        events.register(line, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fd in children:
                    pid, ending = children.pop(key.fd)
                    events.unregister(key.fd)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    os.write(ending, str(code).encode())
                    os.close(ending)
                    continue
                order, descriptors, _, _ = socket.recv_fds(line, LARGEST, 2)
                if not order:
                    for pid, _ in children.values():
                        os.killpg(pid, signal.SIGKILL)
                    os._exit(0)
                output, ending = descriptors
                pid = os.fork()
                if pid == 0:
                    events.close()
                    line.close()
                    _become(json.loads(order), output)
                    return
                os.close(output)
                watched = os.pidfd_open(pid)
                children[watched] = pid, ending
                events.register(watched, selectors.EVENT_READ)
                line.send(str(pid).encode())


def _become(order: dict[str, object], output: int) -> None:
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, 1024)
    os.chdir(str(order["folder"]))
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[arg-type]
    sys.argv = ["gb28181", *order["arguments"]]  # type: ignore[misc]


if __name__ == "__main__":
    _import_product()
    _serve_orders(socket.socket(fileno=int(sys.argv[1])))
    from gb28181.cli import main

    main()
