"""``gb28181 serve``: one node from start to signal."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import sys

from config.load import Loaded
from gb28181.app import App, Shown
from gb28181.store.errors import StoreError
from gb28181.telemetry import events as ev
from gb28181.telemetry import logs
from sip.errors import SipError

EXIT_FAILED = 1
OPEN_FILES = 1 << 20
"""Asked for at the start, as far as the system allows it."""


async def serve(loaded: Loaded) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code."""
    settings = loaded.settings
    logs.setup(settings.logs.format, settings.logs.level)
    logs.get_logger("app").event(
        ev.CONFIG_LOADED,
        path=loaded.path,
        environment=sum(s.startswith("environment") for s in loaded.sources.values()),
    )
    _allow_open_files()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    node = App(settings, _show_once)
    try:
        await node.start()
    except (OSError, SipError, StoreError) as error:
        logs.get_logger("app").event(ev.APP_FAILED, component="start", reason=str(error))
        print(f"gb28181: cannot start: {error}", file=sys.stderr)
        return EXIT_FAILED
    else:
        # What a start has loaded stays: the collector need not look through it again and again,
        # which with 100,000 channels would stop everything for tenths of a second each time.
        gc.collect()
        gc.freeze()
        gc.enable()
        await stop.wait()
        return 0
    finally:
        await node.aclose()


def _allow_open_files() -> None:
    """Up to what the system lets us ask for: every stream holds up to two sockets, every player and
    every device over TCP one, and the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _show_once(shown: Shown) -> None:
    """New secrets go to standard output, not into the log; they are shown as soon as they are
    stored, because a start that fails later will not make them again."""
    if shown.admin_password is not None:
        print(f"user admin, password: {shown.admin_password}", flush=True)
    if shown.device_password is not None:
        print(f"default device password: {shown.device_password}", flush=True)
