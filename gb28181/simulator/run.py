"""``gb28181 simulate``: a fleet from start to signal, with a line of text whenever something
changed.

What it prints is for people (or, with `as_json`, one JSON object a line); it writes no log of its
own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import sys
import time
from dataclasses import dataclass

from gb28181.simulator.fleet import Fleet, Summary
from gb28181.simulator.options import FleetOptions
from gb28181.simulator.plan import DeviceSpec
from sip.errors import TransportFailed

EXIT_FAILED = 1
_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    seconds: float | None = None
    """End after so long; None: at a signal only."""
    prepare: bool = False
    """Encode the pictures at the start instead of at the first call."""
    until_stdin_closes: bool = False
    """End when standard input does: with whoever started us, however that ended."""
    as_json: bool = False


async def simulate(specs: list[DeviceSpec], options: FleetOptions, run: RunOptions) -> int:
    """Run until a signal; returns the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    if run.until_stdin_closes:
        _watch_stdin(loop, stop)
    if run.seconds is not None:
        loop.call_later(run.seconds, stop.set)
    fleet = Fleet(specs, options)
    try:
        await fleet.start()
        if run.prepare:
            fleet.prepare()
        await _report(fleet, stop, run.as_json)
        return 0
    except TransportFailed as error:
        print(f"gb28181 simulate: {error}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        before = fleet.summary()
        await fleet.aclose()
        end = dataclasses.replace(before, megabytes=fleet.summary().megabytes)
        _print(end, run.as_json, "end")


async def _report(fleet: Fleet, stop: asyncio.Event, as_json: bool) -> None:
    """A line whenever the numbers changed, at most once a second, until the end."""
    shown: Summary | None = None
    while not stop.is_set():
        now = fleet.summary()
        if now != shown:
            _print(now, as_json, "state")
            shown = now
        try:
            await asyncio.wait_for(stop.wait(), _EVERY_S)
        except TimeoutError:
            continue


def _print(summary: Summary, as_json: bool, kind: str) -> None:
    cpu_s = round(time.process_time(), 2)
    if as_json:
        text = json.dumps({"kind": kind, "cpu_s": cpu_s, **dataclasses.asdict(summary)})
    else:
        text = (
            f"{summary.online}/{summary.devices} devices online, {summary.channels} channels, "
            f"{summary.calls} calls ({summary.sending} sending), CPU {cpu_s:.1f} s"
        )
        if summary.all_online_s is not None:
            text += f", all online after {summary.all_online_s:.1f} s"
        if summary.lost:
            text += f", {summary.lost} times offline"
        if summary.trouble:
            text += f", last trouble: {summary.trouble}"
    try:
        print(text, flush=True)
    except OSError:
        return  # nobody reads us any more: the simulation goes on


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Standard input is a pipe that is never written: it becomes readable when it ends."""
    number = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(number, 4096):
            loop.remove_reader(number)
            stop.set()

    loop.add_reader(number, readable)
