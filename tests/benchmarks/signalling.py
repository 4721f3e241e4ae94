"""Registration, heartbeats, catalogs: CPU per message, a storm, memory per device."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from .child import Child, child
from .options import Options
from .product import Probe, Product, product
from .table import Row, median
from .wire import device_id

SETTLE_S = 0.3
QUERY_RATE = "500"
"""Devices asked for their catalog per second where the wait for that is not what is measured."""


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement of both: CPU per message in microseconds."""

    product_us: float
    anchor_us: float
    rate: float


def storm(options: Options) -> Iterator[Row]:
    """All devices of a fresh installation register at once; then what messages cost in it."""
    count = options.devices
    with product() as server, child("devices", str(server.ports.sip), str(count), "1") as load:
        server.channels_in_tree()
        before, empty = server.cpu(), server.megabytes()
        with Probe(server) as probe:
            result = load.ask("register")
            took = server.until(lambda: server.online() == count, 60)
            registered = server.cpu() - before
            total = result["seconds"] + took
            queue = server.until(lambda: server.channels_in_tree() == (count, count), 600)
        check(result["good"] == count, f"{result['good']} of {count} devices registered")
        sample = [device_id(n) for n in range(0, count, max(1, count // 100))]
        server.until(lambda: server.open_intervals(sample) == len(sample), 10)
        again = result["repeated"]
        name = f"storm of {count:,} new devices:"
        yield Row(
            work=f"{name} until all are online",
            measured=total,
            unit="s",
            note=f"{again} requests repeated, {result['lost']} lost; one open interval each",
        )
        yield Row(
            work=f"{name} CPU per device",
            measured=1e6 * registered / count,
            unit="us",
            note="two round trips, a new row, interval and place in the tree",
        )
        latency = probe.milliseconds()
        yield Row(
            work=f"{name} API answers, slowest",
            measured=latency["max"],
            unit="ms",
            budget=200,
            note=f"median {latency['p50']} ms, p99 {latency['p99']} ms, {len(probe.took)} calls, "
            f"{probe.failed} failed",
        )
        yield Row(
            work=f"{name} until all catalogs are in",
            measured=total + queue,
            unit="s",
            note="50 devices are asked per second; tree exact",
        )
        yield Row(
            work=f"memory per device of {count:,}, one channel each",
            measured=1000 * (server.megabytes() - empty) / count,
            unit="kB",
        )
        yield from _messages(options, server, load)


def messages(options: Options) -> Iterator[Row]:
    """The same without the storm: devices are there when measuring begins."""
    count = options.devices
    settings = {"DEVICES__QUERY_RATE": QUERY_RATE}
    with (
        product(**settings) as server,
        child("devices", str(server.ports.sip), str(count), "1") as load,
    ):
        load.ask("register")
        server.until(lambda: server.channels_in_tree() == (count, count), 600)
        yield from _messages(options, server, load)


def _messages(options: Options, server: Product, load: Child) -> Iterator[Row]:
    count = options.devices
    server.until(lambda: _written(server), 60)
    with (
        child("anchors") as anchor,
        child("devices", str(anchor.hello["port"]), str(min(count, 2000)), "1") as peers,
    ):
        pair = (server, load, anchor, peers)
        yield _row(
            "Keepalive, whole product", 45, options.keepalive_rate,
            _rounds(options, "keepalives", options.keepalive_rate, *pair),
        )  # fmt: skip
        yield _row(
            "REGISTER, two round trips, whole product", 130, options.register_rate,
            _rounds(options, "registers", options.register_rate, *pair),
        )  # fmt: skip
    check(server.online() == count, f"{server.online()} of {count} devices are online afterwards")
    check(server.channels_in_tree() == (count, count), "the tree is not what it was")
    sample = [device_id(n) for n in range(0, count, max(1, count // 100))]
    check(server.open_intervals(sample) == len(sample), "intervals have changed")


def _rounds(
    options: Options, do: str, rate: float, server: Product, load: Child, anchor: Child,
    peers: Child,
) -> list[Round]:  # fmt: skip
    """Product and anchor in turn, so that both meet the same weather."""
    found = []
    for _ in range(options.rounds):
        anchor_us, _ = _measure(anchor, peers, do, rate, options.seconds / 2)
        product_us, reached = _measure(server, load, do, rate, options.seconds)
        found.append(Round(product_us, anchor_us, reached))
    return found


def _measure(
    subject: Product | Child, load: Child, do: str, rate: float, seconds: float
) -> tuple[float, float]:
    """CPU in microseconds per message, and the rate that was reached."""
    time.sleep(SETTLE_S)
    before = subject.cpu()
    result = load.ask(do, rate=rate, seconds=seconds)
    used = subject.cpu() - before
    offered, good = result["offered"], result["good"]
    check(good == offered, f"{do}: {good} of {offered} answered 200: {result}")
    return 1e6 * used / good, result["rate"]


def _row(work: str, budget: float, rate: float, rounds: list[Round]) -> Row:
    each = " ".join(f"{r.product_us:.0f}/{r.anchor_us:.0f}" for r in rounds)
    return Row(
        work=f"{work}, {rate:,.0f}/s",
        measured=median(r.product_us for r in rounds),
        unit="us",
        budget=budget,
        anchor=median(r.anchor_us for r in rounds),
        note=f"reached {median(r.rate for r in rounds):,.0f}/s; rounds {each}; none lost",
    )


def memory(options: Options) -> Iterator[Row]:
    """Many devices with one channel each, all registered and asked."""
    count = options.many
    settings = {"DEVICES__QUERY_RATE": QUERY_RATE}
    with (
        product(**settings) as server,
        child("devices", str(server.ports.sip), str(count), "1") as load,
    ):
        server.channels_in_tree()
        empty = server.megabytes()
        load.ask("register")
        server.until(lambda: server.channels_in_tree() == (count, count), 600, every=0.5)
        load.ask("keepalives", rate=options.keepalive_rate, seconds=count / options.keepalive_rate)
        check(server.online() == count, f"{server.online()} of {count} devices are online")
        yield Row(
            work=f"memory per device of {count:,}, one channel each",
            measured=1000 * (server.megabytes() - empty) / count,
            unit="kB",
            note=f"{server.megabytes():.0f} MB altogether, {empty:.0f} MB without devices",
        )
        took = _flip(server, load, count - 1)
        yield Row(
            work=f"status flip to a subscriber, {count:,} devices",
            measured=1000 * took,
            unit="ms",
            budget=100,
            note="from the device's REGISTER, both round trips, to the event on the WebSocket",
        )


def _flip(server: Product, load: Child, number: int) -> float:
    wanted = device_id(number)
    with server.events() as socket:
        told = load.ask("unregister", number=number)
        while True:
            event = json.loads(socket.recv(10))
            if event.get("type") == "device.offline" and wanted in json.dumps(event):
                return time.monotonic() - float(told["sent"])


def catalog(options: Options) -> Iterator[Row]:
    """NVRs with many channels: how long and how dear it is to take all of them in."""
    devices, channels = options.nvrs, options.nvr_channels
    total = devices * channels
    with (
        product() as server,
        child("devices", str(server.ports.sip), str(devices), str(channels)) as load,
    ):
        server.channels_in_tree()
        before, empty = server.cpu(), server.megabytes()
        started = time.monotonic()
        with Probe(server) as probe:
            load.ask("register")
            server.until(lambda: server.channels_in_tree() == (total, total), 600)
            took = time.monotonic() - started
        asked = load.ask("counts")
        pages = -(-channels // 10) * devices
        check(asked.get("page-200") == pages, f"one sync per device is {pages} pages: {asked}")
        with contextlib.suppress(RuntimeError):
            server.until(lambda: _written(server), 30)
        used = server.cpu() - before
        latency = probe.milliseconds()
        yield Row(
            work=f"{total:,} channels of catalog in, CPU per channel",
            measured=1e6 * used / total,
            unit="us",
            note=f"{devices} devices, 10 items a page, {took:.1f} s in all; one sync each, "
            f"counts exact; API median {latency['p50']} ms, slowest {latency['max']} ms",
        )
        yield Row(
            work=f"{total:,} channels, memory of the whole product",
            measured=server.megabytes() - empty,
            unit="MB",
            budget=300 if total >= 100_000 else None,
        )


def _written(server: Product) -> bool:
    text = server.call("GET", "/metrics").body
    return b"gb28181_store_waiting_rows 0.0" in text


def check(good: bool, what: str) -> None:
    """The state afterwards must be right, or the figure means nothing."""
    if not good:
        raise RuntimeError(what)
