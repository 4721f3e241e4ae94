"""``gb28181 serve --relay``: the media of a platform that runs on another host."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time

from config.load import Loaded
from gb28181 import wiring
from gb28181.telemetry import events_worker as ev
from gb28181.telemetry import logs
from gb28181.telemetry.rate import RateLimited
from media.worker.relay import Relay
from sip.flow import host_port

EXIT_FAILED = 1


async def serve_relay(loaded: Loaded) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code."""
    settings = loaded.settings
    logs.setup(settings.logs.format, settings.logs.level)
    log = logs.get_logger("media")
    rate = RateLimited(log, time.monotonic)

    def tell(what: str, host: str, reason: str) -> None:
        if what == "up":
            log.event(ev.RELAY_SERVES, remote=host)
        elif what == "lost":
            log.event(ev.RELAY_LEFT, remote=host, reason=reason)
        else:
            rate.event(ev.RELAY_REFUSED, host, remote=host, reason=reason)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    try:
        options = wiring.relay_options(settings)
        relay = Relay(options, tell)
        await relay.start()
    except OSError as error:
        print(f"gb28181: cannot start: {error}", file=sys.stderr)
        return EXIT_FAILED
    gc.freeze()
    gc.enable()
    log.event(ev.RELAY_LISTENING, local=host_port((options.host, relay.port)))
    await stop.wait()
    await relay.aclose()
    return 0
