"""What a viewer costs by each output: HTTP-FLV, WebSocket, fMP4, RTSP, WHEP; and what a long group
of pictures costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .child import Child, child
from .options import Options
from .product import Product, product
from .relay import opened, pictures, ready
from .signalling import check
from .table import Row

OUTPUTS = ("flv", "ws_flv", "fmp4", "ws_fmp4", "rtsp", "whep")
WHEP_AT_MOST = 10
"""Players by WHEP in all: each encrypts and decrypts everything once more, on both sides."""
LONG_GOP = 250


def outputs(options: Options) -> Iterator[Row]:
    """The same streams without viewers and with viewers of one output after another."""
    count = options.output_streams
    kept = {"SESSIONS__LINGER": "3600", "MEDIA__VIEWERS_PER_NODE": "100000"}
    with (
        product(**kept) as server,
        child("devices", str(server.ports.sip), "1", str(count)) as load,
        child("watchers") as watchers,
        child("whep_watchers") as whep_watchers,
    ):
        load.ask("footage", **pictures(options))
        views = opened(server, ready(server, load, count), "udp")
        time.sleep(options.settle)
        alone, _ = _spent(options, server, watchers)
        yield Row(
            work=f"{count} streams udp, no viewer, per stream",
            measured=100 * alone / count,
            unit="%",
        )
        for output in OUTPUTS:
            urls = [str(view["urls"][output]) for view in views]
            viewing = whep_watchers if output == "whep" else watchers
            for viewers in options.output_viewers:
                if output == "whep" and viewers * count > WHEP_AT_MOST:
                    continue
                yield _by(options, server, viewing, output, urls, viewers, alone)


def _by(
    options: Options, server: Product, watchers: Child, output: str, urls: list[str], viewers: int,
    alone: float,
) -> Row:  # fmt: skip
    """One row: what these viewers add, per viewer."""
    before = server.megabytes()
    watchers.ask("open", urls=urls, each=viewers)
    time.sleep(options.settle)
    used, seen = _spent(options, server, watchers)
    grown = server.megabytes() - before
    watchers.ask("close")
    count = len(urls)
    check(not seen["faults"], f"viewers by {output} complain: {seen['faults']}")
    check(seen["pictures"] > 0, f"nothing was shown by {output}")
    return Row(
        work=f"{count} streams udp, {viewers} viewers each by {output}, per viewer",
        measured=100 * (used - alone) / (count * viewers),
        unit="%",
        note=f"with the stream {100 * used / count:.2f} % per stream; {seen['pictures']:.1f} "
        f"pictures/s seen, {seen['mbit']:.0f} Mbit/s out in all, {grown:.0f} MB more",
    )


def _spent(options: Options, server: Product, watchers: Child) -> tuple[float, dict[str, Any]]:
    """CPU seconds per second, and what was seen meanwhile."""
    seen, used, started = watchers.ask("counts"), server.cpu(), time.monotonic()
    time.sleep(options.seconds)
    used, took, after = server.cpu() - used, time.monotonic() - started, watchers.ask("counts")
    looking = max(1, len(after["first_at"]))
    return used / took, {
        "pictures": (after["pictures"] - seen["pictures"]) / took / looking,
        "mbit": 8e-6 * (after["size"] - seen["size"]) / took,
        "faults": after["faults"],
    }


def long_gop(options: Options) -> Iterator[Row]:
    """Key frames every 2 s and every 10 s: memory per stream, and what a viewer waits for that
    comes in the middle. The camera does not answer the request for a key frame."""
    count = options.output_streams
    for frames in (pictures(options)["gop"], LONG_GOP):
        long = replace(options, clip=max(options.clip, 2 * frames // 25))
        with (
            product(SESSIONS__LINGER="3600") as server,
            child("devices", str(server.ports.sip), "1", str(count)) as load,
            child("watchers") as watchers,
        ):
            load.ask("footage", **{**pictures(long), "gop": frames})
            channels = ready(server, load, count)
            empty = server.megabytes()
            views = opened(server, channels, "udp")
            time.sleep(frames / 25 + options.settle)
            memory = (server.megabytes() - empty) / count
            time.sleep(frames / 50)
            asked = time.monotonic()
            watchers.ask("open", urls=[views[0]["urls"]["flv"]], each=1)
            server.until(lambda: any(_first(watchers)), 30, every=0.02)
            waited = 1000 * (max(_first(watchers)) - asked)
        yield Row(
            work=f"memory per stream of {count}, a key frame every {frames / 25:.0f} s",
            measured=memory, unit="MB", budget=1.0 if frames < LONG_GOP else None,
            note=f"a viewer that comes in the middle waits {waited:.0f} ms",
        )  # fmt: skip


def _first(watchers: Child) -> list[float]:
    return list(watchers.ask("counts")["first_at"].values())
