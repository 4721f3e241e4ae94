"""What may be chosen: which parts, and how large."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Options:
    """Defaults are those of docs/explanation/performance.md."""

    devices: int = 2000
    """Devices of the storm and of the messages."""
    many: int = 10_000
    """Devices whose memory is measured."""
    nvrs: int = 15
    nvr_channels: int = 1000
    tree: int = 100_000
    """Channels in the tree alone."""
    keepalive_rate: float = 1500.0
    register_rate: float = 400.0
    seconds: float = 10.0
    """Length of one measurement."""
    rounds: int = 3
    """How often messages are measured; the median counts."""
    streams: tuple[int, ...] = (10, 50)
    viewers: tuple[int, ...] = (0, 1, 10)
    modes: tuple[str, ...] = ("udp", "tcp")
    output_streams: int = 2
    """Streams whose viewers are compared by output."""
    output_viewers: tuple[int, ...] = (1, 10, 100)
    width: int = 1920
    height: int = 1080
    bit_rate: int = 4_000_000
    clip: int = 20
    """Seconds of pictures before they repeat."""
    settle: float = 2.5
    """Seconds before a relay is measured: more than a group of pictures."""
    openings: int = 20
    """Streams opened one after another for the time to the first picture."""


TINY = Options(
    devices=20, many=40, nvrs=2, nvr_channels=20, tree=1000, keepalive_rate=200, register_rate=100,
    seconds=0.5, rounds=1, streams=(2,), viewers=(0, 1), modes=("udp", "tcp"),
    output_streams=1, output_viewers=(1,), width=320, height=240, bit_rate=400_000, clip=4,
    settle=0.5, openings=2,
)  # fmt: skip
"""A few seconds, to see that everything still works; the figures mean nothing."""

FULL = Options(devices=15_000, many=30_000, nvrs=100, streams=(10, 50, 100))
"""The sizes of the design: 15,000 cameras, 100,000 channels, 100 streams."""


def parser(parts: list[str]) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="What the running product costs, as a table: measured, allowed, ratio.",
    )
    made.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(parts)}; or all")
    made.add_argument("--json", metavar="FILE", help="write the rows there too")
    size = made.add_mutually_exclusive_group()
    size.add_argument("--tiny", action="store_true", help="seconds; the figures mean nothing")
    size.add_argument("--full", action="store_true", help="15,000 devices, 100 streams")
    for field in fields(Options):
        default = field.default
        many = isinstance(default, tuple)
        kind = type(default[0]) if isinstance(default, tuple) else type(default)
        made.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=kind,
            nargs="*" if many else None,
            help=f"default {default}",
        )
    return made


def chosen(arguments: argparse.Namespace) -> Options:
    base = TINY if arguments.tiny else FULL if arguments.full else Options()
    given = {
        field.name: tuple(value) if isinstance(value, list) else value
        for field in fields(Options)
        if (value := getattr(arguments, field.name)) is not None
    }
    return replace(base, **given)
