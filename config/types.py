"""Value types of the settings: how each is written in a file or a variable, and how it is shown.

Durations are seconds as float and sizes bytes as int, so that no reader has to convert; port
ranges, networks and secrets are values of their own. Nothing here knows a key or a default.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

DURATION_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZE_UNITS = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_PORTS = re.compile(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?")
MAX_PORT = 65535

KindName = Literal["duration", "size", "ports", "network", "secret"]


@dataclass(frozen=True, slots=True)
class Kind:
    """Marks an annotated type for `render.py`: how it is called and written."""

    name: KindName


def parse_duration(value: object) -> object:
    """`30` and `"30"` are seconds; `"500ms"`, `"10min"`, `"2h"`, `"7d"` carry their unit."""
    return _quantity(value, DURATION_UNITS, "s", "a duration such as 500ms, 30s, 10min, 2h or 7d")


def parse_size(value: object) -> object:
    """`4096` and `"4096"` are bytes; `"64KiB"`, `"4MiB"`, `"5MB"` carry their unit."""
    number = _quantity(value, SIZE_UNITS, "B", "a size such as 4096, 64KiB or 4MiB")
    if isinstance(number, float):
        if not number.is_integer():
            raise ValueError("a size in whole bytes")
        return int(number)
    return number


def _quantity(value: object, units: dict[str, Any], default: str, wanted: str) -> object:
    if not isinstance(value, str):
        if isinstance(value, bool):
            raise ValueError(wanted)
        return value
    match = _QUANTITY.fullmatch(value.strip())
    if match is None or (match[2] or default) not in units:
        raise ValueError(wanted)
    return float(match[1]) * units[match[2] or default]


def show_duration(seconds: float) -> str:
    """In the largest unit that leaves a whole number, down to ms: `90s`, `10min`, `7d`, `250ms`."""
    milliseconds = round(seconds * 1000)
    if milliseconds == 0:
        return f"{seconds:g}s"
    for unit in ("d", "h", "min", "s"):
        size = round(DURATION_UNITS[unit] * 1000)
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def show_size(size: int) -> str:
    for unit in ("GiB", "MiB", "KiB"):
        if size >= SIZE_UNITS[unit] and size % SIZE_UNITS[unit] == 0:
            return f"{size // SIZE_UNITS[unit]}{unit}"
    return str(size)


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports `first` to `last`, both included."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> PortRange:
        match = _PORTS.fullmatch(text.strip())
        if match is None:
            raise ValueError("a port range such as 30000-30999")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if not 1 <= first <= last <= MAX_PORT:
            raise ValueError(f"a port range within 1-{MAX_PORT}, the smaller number first")
        return cls(first, last)

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, port: object) -> bool:
        return isinstance(port, int) and self.first <= port <= self.last

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last + 1))

    def overlaps(self, other: PortRange) -> bool:
        return self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


class Secret:
    """A text that is never shown by `repr`, `str`, a log or a traceback; `reveal()` gives it."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        return self.__text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__text.encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a secret is not written to files or other processes")


def parse_ports(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        return PortRange.parse(value)
    if isinstance(value, PortRange):
        return value
    raise ValueError("a port range such as 30000-30999")


def parse_secret(value: object) -> object:
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, Secret):
        return value
    raise ValueError("a text in quotes")


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_network(value: object) -> object:
    if isinstance(value, Network):
        return value
    try:
        return ipaddress.ip_network(str(value).strip(), strict=False)
    except ValueError:
        raise ValueError("an address or network such as 10.0.0.0/8 or 2001:db8::/32") from None


def parse_list(value: object) -> object:
    """An environment variable holds a list as `a, b, c`."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Duration = Annotated[float, BeforeValidator(parse_duration), Kind("duration")]
Size = Annotated[int, BeforeValidator(parse_size), Kind("size")]
Ports = Annotated[PortRange, BeforeValidator(parse_ports), Kind("ports")]
SecretText = Annotated[Secret, BeforeValidator(parse_secret), Kind("secret")]
Cidr = Annotated[Network, BeforeValidator(parse_network), Kind("network")]
