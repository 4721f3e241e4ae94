"""What may be set per device, and what counts where nothing is set.

Overrides are stored as a plain mapping of the keys below; `effective` puts them over the defaults.
Values are bounded here once: devices and people write heartbeats of 0 and of a year (GB/T 28181
field quirk: illegal heartbeat values lead to false offline).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from catalog.divisions import Divisions
from gb28181.device import redirect
from gb28181.manscdp import override_of

MEDIA_TRANSPORTS: Final = ("udp", "tcp-passive", "tcp-active")
SUBSCRIPTIONS: Final = ("catalog", "alarm", "position", "ptz_position")
ALGORITHMS: Final = ("MD5", "SHA-256", "SM3")


@dataclass(frozen=True, slots=True)
class DevicePolicy:
    """The effective settings of one device."""

    transport: str = "udp"
    """How media is pulled when a request does not say: one of `MEDIA_TRANSPORTS`."""
    charset: str = ""
    """The charset the device is read in and written to; empty: detected, written as GB2312."""
    keepalive_interval: float = 60.0
    """Seconds between two heartbeats."""
    keepalive_count: int = 3
    """Heartbeats missed in a row before it is offline."""
    reply_port: str = "source"
    """`via`: a device that sends no rport is answered at the port of its Via."""
    algorithm: str = "MD5"
    """Of the digest challenge."""
    qop: bool = True
    """False: the challenge leaves qop out (some recorders fail with it)."""
    date_header: bool = True
    """False: no Date in the 200 of REGISTER."""
    duplicate: str = "newest"
    """The id registers from another address while alive: `newest` wins, or `refuse`."""
    subscribe: tuple[str, ...] = ()
    """What is subscribed to at the device: some of `SUBSCRIPTIONS`."""
    subscribe_expires: int = 600
    """Seconds asked for; the device may grant less."""
    position_interval: int = 5
    """Seconds between two position reports."""
    coordinates: str = "wgs84"
    """What the device reports: `wgs84`, or `gcj02` against the standard; stored as reported."""

    redirect: str = ""
    """Another server the device is sent to when it registers: `id@host:port`."""
    place: str = ""
    """City (4 digits) or county (6) an operator knows it stands in; a catalog that names another
    city is not believed."""

    @property
    def silence_s(self) -> float:
        """How long a device may be silent; a little more than its heartbeats, for the network."""
        return self.keepalive_interval * self.keepalive_count + min(
            5.0, 0.1 * self.keepalive_interval
        )


def _choice(*allowed: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return value

    return check


def _several(*allowed: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, list | tuple) or any(one not in allowed for one in value):
            raise ValueError(f"must be a list of {', '.join(allowed)}")
        return tuple(one for one in allowed if one in value)

    return check


def _flag(value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _number(low: float, high: float, *, whole: bool = False) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        good = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not good or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise ValueError(f"must be {kind} from {low:g} to {high:g}")
        return value

    return check


def _charset(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    override_of(value)
    return "" if value.strip().lower() == "auto" else value.strip()


def _redirect(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return str(redirect.parse(value)) if value.strip() else ""


def _place(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    code = value.strip()
    if code and not (len(code) in (4, 6) and Divisions.load().exists(code)):
        raise ValueError("must be a known division of 4 or 6 digits")
    return code


_CHECKS: Final[dict[str, Callable[[Any], Any]]] = {
    "transport": _choice(*MEDIA_TRANSPORTS),
    "charset": _charset,
    "keepalive_interval": _number(1, 3600),
    "keepalive_count": _number(1, 100, whole=True),
    "reply_port": _choice("source", "via"),
    "algorithm": _choice(*ALGORITHMS),
    "qop": _flag,
    "date_header": _flag,
    "duplicate": _choice("newest", "refuse"),
    "subscribe": _several(*SUBSCRIPTIONS),
    "subscribe_expires": _number(60, 86_400, whole=True),
    "position_interval": _number(1, 86_400, whole=True),
    "coordinates": _choice("wgs84", "gcj02"),
    "redirect": _redirect,
    "place": _place,
}
KEYS: Final = tuple(field.name for field in fields(DevicePolicy))


class BadPolicy(ValueError):
    """Every problem of a set of overrides, by key."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{key} {why}" for key, why in problems.items()))
        self.problems = dict(problems)


def checked(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides, normalised; None removes a key; raises BadPolicy with all problems."""
    problems: dict[str, str] = {}
    good: dict[str, Any] = {}
    for key, value in overrides.items():
        check = _CHECKS.get(key)
        if check is None:
            problems[key] = f"is not a setting of a device; there are {', '.join(KEYS)}"
        elif value is not None:
            try:
                good[key] = check(value)
            except ValueError as error:
                problems[key] = str(error)
    if problems:
        raise BadPolicy(problems)
    return good


def effective(defaults: DevicePolicy, overrides: Mapping[str, Any]) -> DevicePolicy:
    """The policy of a device. Stored overrides a newer or older release knows are skipped."""
    good: dict[str, Any] = {}
    for key, value in overrides.items():
        try:
            good.update(checked({key: value}))
        except BadPolicy:
            continue
    return replace(defaults, **good) if good else defaults
