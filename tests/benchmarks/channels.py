"""Many channels in the tree alone: memory, a status flip, a search. In a process of its own.

python -m tests.benchmarks.channels 100000
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from catalog.derive import place
from catalog.model import CatalogItem, Channel, ItemInfo
from catalog.query import ChannelFilter, ChannelQuery
from catalog.tree import Tree

from .options import Options
from .table import Row
from .wire import channel_id, device_id

PER_DEVICE = 20


def channels(options: Options) -> Iterator[Row]:
    """Rows of a tree that a process of its own builds."""
    command = [sys.executable, "-m", __name__, str(options.tree)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(run.stdout)
    name = f"{options.tree:,} channels in the tree"
    yield Row(
        work=f"{name}, memory (in process)",
        measured=found["megabytes"],
        unit="MB",
        budget=300,
        note=f"{options.tree // PER_DEVICE:,} devices; {found['put_us']:.0f} us per channel to put",
    )
    yield Row(
        work=f"{name}, a device goes offline (in process)",
        measured=found["flip_us"],
        unit="us",
        note=f"search by text {found['search_ms']:.1f} ms, "
        f"page of a city {found['city_ms']:.1f} ms",
    )


def build(total: int) -> dict[str, float]:
    empty = resident_bytes()
    tree = Tree("64")
    started = time.perf_counter()
    for number in range(total // PER_DEVICE):
        device = device_id(number)
        tree.put_device(device, f"设备{number}", True)
        tree.put_channels([_channel(device, number, n) for n in range(PER_DEVICE)])
    put = time.perf_counter() - started
    gc.collect()
    size = resident_bytes() - empty
    flips = 1000
    started = time.perf_counter()
    for number in range(flips):
        tree.set_device_online(device_id(number % (total // PER_DEVICE)), number % 2 == 1)
    flip = time.perf_counter() - started
    query = ChannelQuery(tree)
    query.page(ChannelFilter(), 50, 0)
    started = time.perf_counter()
    found = query.page(ChannelFilter(q="北街路口7号"), 50, 0)
    search = time.perf_counter() - started
    assert found.total, "the search finds nothing"
    started = time.perf_counter()
    query.page(ChannelFilter(city="6401"), 50, 0)
    city = time.perf_counter() - started
    root = tree.node()
    assert root is not None
    assert root.total == total
    return {
        "megabytes": size / 1e6,
        "put_us": 1e6 * put / total,
        "flip_us": 1e6 * flip / flips,
        "search_ms": 1e3 * search,
        "city_ms": 1e3 * city,
    }


def _channel(device: str, number: int, channel: int) -> Channel:
    code = channel_id(number, channel, PER_DEVICE)
    item = CatalogItem(
        device_id=code,
        name=f"金凤区正源北街路口{number}号{channel}",
        manufacturer="NxCam",
        model="NX-2",
        owner="Owner",
        civil_code=code[:6],
        address=f"正源北街{number}号{channel}",
        parental=False,
        parent_id=device,
        safety_way=0,
        register_way=1,
        secrecy=0,
        longitude=106.2 + channel / 1e5,
        latitude=38.4 + channel / 1e5,
        info=ItemInfo(ptz_type=3),
    )
    where = place(item.civil_code, code, [device], device, "64")
    return Channel(code, code, device, item, where)


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    print(json.dumps(build(int(sys.argv[1]))))
