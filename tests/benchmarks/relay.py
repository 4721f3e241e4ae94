"""Live pictures through the whole product: % of a core per stream, memory, time to the first."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .child import Child, child
from .footage import GOP
from .options import Options
from .product import Product, product
from .signalling import check
from .table import Row
from .wire import channel_id, device_id

BUDGETS = {("udp", 0): 0.25, ("tcp", 0): 0.2, ("udp", 1): 0.4, ("tcp", 1): 0.4}
TRANSPORTS = {"udp": "udp", "tcp": "tcp-passive"}


def relay(options: Options) -> Iterator[Row]:
    for mode in options.modes:
        for count in options.streams:
            yield from _streams(options, mode, count)


def _streams(options: Options, mode: str, count: int) -> Iterator[Row]:
    """One NVR with `count` channels, all pulled; viewers join after the first measurement."""
    settings = {"SESSIONS__LINGER": "3600", "MEDIA__VIEWERS_PER_NODE": "100000"}
    with (
        product(**settings) as server,
        child("devices", str(server.ports.sip), "1", str(count)) as load,
        child("anchors") as anchor,
        child("watchers") as watchers,
    ):
        sent = load.ask("footage", **pictures(options))
        before = _anchor(options, mode, count, load, anchor)
        channels = ready(server, load, count)
        empty = server.megabytes()
        urls = [str(view["urls"]["flv"]) for view in opened(server, channels, mode)]
        time.sleep(options.settle)
        rows: list[dict[str, Any]] = []
        for viewers in options.viewers:
            watchers.ask("open", urls=urls if viewers else [], each=viewers)
            rows.append(_measure(options, mode, server, load, watchers, count, viewers))
            if not viewers:
                memory = (server.megabytes() - empty) / count
                grown = f"GOP of 2 s kept; {server.megabytes():.0f} MB altogether"
                rows.append({
                    "work": f"memory per stream of {count}, {mode}", "measured": memory,
                    "unit": "MB", "budget": 1.0, "note": grown,
                })  # fmt: skip
            watchers.ask("close")
        check(server.drops() == 0, f"the kernel dropped {server.drops()} datagrams")
        running = len(server.sessions("running"))
        check(running == count, f"{running} of {count} sessions are running")
    with child("devices", "9", "1", "1") as load, child("anchors") as anchor:
        load.ask("footage", **pictures(options))
        after = _anchor(options, mode, count, load, anchor)
    for row in rows:
        is_cpu = row["unit"] == "%"
        extra = f"; {sent['packets_per_s']:.0f} packets/s" if is_cpu else ""
        yield Row(
            **{**row, "note": row["note"] + extra},
            anchor=(before + after) / 2 if is_cpu else None,
        )


def pictures(options: Options) -> dict[str, int]:
    return {
        "width": options.width, "height": options.height, "bit_rate": options.bit_rate,
        "seconds": options.clip, "gop": GOP,
    }  # fmt: skip


def ready(server: Product, load: Child, count: int) -> list[str]:
    load.ask("register")
    server.until(lambda: server.channels_in_tree() == (count, count), 30)
    return [channel_id(0, channel, count) for channel in range(count)]


def opened(server: Product, channels: list[str], mode: str) -> list[dict[str, Any]]:
    """Pull all of them; what the live call answered for each."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda c: server.play(c, transport=TRANSPORTS[mode]), channels))


def _measure(
    options: Options, mode: str, server: Product, load: Child, watchers: Child, count: int,
    viewers: int,
) -> dict[str, Any]:  # fmt: skip
    time.sleep(options.settle)
    sent, seen = load.ask("sent"), watchers.ask("counts")
    used, started = server.cpu(), time.monotonic()
    time.sleep(options.seconds)
    used, took = server.cpu() - used, time.monotonic() - started
    sent_after, seen_after = load.ask("sent"), watchers.ask("counts")
    frames = (sent_after["frames"] - sent["frames"]) / took / count
    late = sent_after.get("late", 0) - sent.get("late", 0)
    note = f"{frames:.1f} frames/s sent ({late} late)"
    if viewers:
        pictures = (seen_after["pictures"] - seen["pictures"]) / took / count
        size = 8e-6 * (seen_after["size"] - seen["size"]) / took / count
        note += f", {pictures:.1f} seen, {size:.1f} Mbit/s out"
        if seen_after["faults"]:
            note += f", {seen_after['faults']}"
    return {
        "work": f"{count} streams {mode}, {viewers} viewers each, per stream",
        "measured": 100 * used / took / count,
        "unit": "%",
        "budget": BUDGETS.get((mode, viewers)),
        "note": note,
    }


def _anchor(options: Options, mode: str, count: int, load: Child, anchor: Child) -> float:
    """% of a core per stream for counting the bytes."""
    ports = anchor.ask("sinks", mode=mode, count=count)["ports"]
    load.ask("send_to", mode=mode, ports=ports)
    time.sleep(1.0)
    used, started = anchor.cpu(), time.monotonic()
    time.sleep(options.seconds / 2)
    used, took = anchor.cpu() - used, time.monotonic() - started
    load.ask("stop_sending")
    anchor.ask("close")
    return 100 * used / took / count


def first_picture(options: Options) -> Iterator[Row]:
    """A viewer asks for a stream nobody pulls yet, and waits."""
    count = options.openings
    for mode in options.modes:
        settings = {"SESSIONS__LINGER": "1"}
        with (
            product(**settings) as server,
            child("devices", str(server.ports.sip), "1", str(count)) as load,
            child("watchers") as watchers,
        ):
            load.ask("footage", **pictures(options))
            waits, whole = [], []
            channels = ready(server, load, count)
            path = f"/api/v1/devices/{device_id(0)}"
            answer = server.call("PATCH", path, {"transport": TRANSPORTS[mode]})
            check(answer.status == 200, f"PATCH: {answer}")
            for channel in channels:
                asked = time.monotonic()
                url = f"{server.url}/live/{channel}.flv"
                watchers.ask("open", urls=[url], each=1, token=server.token())
                server.until(lambda: _seen(watchers), 15, every=0.02)
                (seen_at,) = watchers.ask("counts")["first_at"].values()
                left_at = load.ask("first_pictures")["times"][channel]
                waits.append(1000 * (seen_at - left_at))
                whole.append(1000 * (seen_at - asked))
                watchers.ask("close")
        waits.sort()
        whole.sort()
        yield Row(
            work=f"first picture at a waiting viewer, {mode}",
            measured=waits[len(waits) // 2],
            unit="ms",
            budget=40,
            note=f"median of {count}, slowest {waits[-1]:.1f} ms, after the camera's first key "
            f"frame; from the click {whole[len(whole) // 2]:.0f} ms",
        )


def _seen(watchers: Child) -> bool:
    times = watchers.ask("counts")["first_at"].values()
    return any(times)
