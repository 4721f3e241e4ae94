"""What viewers cost by the process that serves them: the signalling one, a worker, or both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.e2e import processes

from .child import child
from .options import Options
from .product import Product, product
from .relay import pictures, ready
from .signalling import check
from .table import Row

VARIANTS = {
    "in the signalling process": {"MEDIA__WORKERS": "0"},
    "in a worker, passed on by the main port": {"MEDIA__WORKERS": "1", "MEDIA__REDIRECT": "never"},
    "in a worker, served by it": {"MEDIA__WORKERS": "1"},
}


def workers(options: Options) -> Iterator[Row]:
    """The same streams and viewers three ways, per stream; of it the signalling process."""
    count, viewers = options.streams[0], options.viewers[-1]
    for words, settings in VARIANTS.items():
        kept = {"SESSIONS__LINGER": "3600", "MEDIA__VIEWERS_PER_NODE": "100000"}
        with (
            product(**kept, **settings) as server,
            child("devices", str(server.ports.sip), "1", str(count)) as load,
            child("watchers") as watchers,
        ):
            load.ask("footage", **pictures(options))
            watchers.ask("open", urls=_urls(server, ready(server, load, count)), each=viewers)
            time.sleep(options.settle)
            seen, all_before = watchers.ask("counts"), server.cpu()
            main_before, started = processes.cpu_seconds([server.pid]), time.monotonic()
            time.sleep(options.seconds)
            used, main = server.cpu() - all_before, processes.cpu_seconds([server.pid])
            took, after = time.monotonic() - started, watchers.ask("counts")
            check(not after["faults"], f"viewers complain: {after['faults']}")
            shown = (after["pictures"] - seen["pictures"]) / took / count
            check(shown > 0, "nothing was shown")
            share = 100 * (main - main_before) / took / count
            yield Row(
                work=f"{count} streams udp, {viewers} viewers each, {words}, per stream",
                measured=100 * used / took / count,
                unit="%",
                note=f"of it the signalling process {share:.2f} %; {shown:.1f} pictures/s seen",
            )


def _urls(server: Product, channels: list[str]) -> list[str]:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(server.play, channels))
    return [str((one["direct_urls"] or one["urls"])["flv"]) for one in answers]
