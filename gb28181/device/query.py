"""Asking devices: whom to ask next (`QueryQueue`), and whose answer this is (`Answers`).

Theory. After a power cut a whole city registers within a minute. Each device is to be asked for
DeviceInfo and Catalog: at once when nothing else is going on, else from a queue with a steady rate
and a bound on how many are being asked, so that neither we nor the network drown. The rate is a
token bucket one second deep.

Answers come as own MESSAGEs and are matched by (device, CmdType, SN) (GB/T 28181-2022 A.1). What
matches nothing is not an answer: for catalogs it is a partial update.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable


class QueryQueue:
    """A machine: `add` and `done` are inputs, `start(now)` gives who is to be asked now."""

    def __init__(self, rate: float, outstanding: int) -> None:
        self._rate = rate
        self._limit = outstanding
        self._tokens = max(1.0, rate)
        self._at = 0.0
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._asking: set[str] = set()
        self._again: set[str] = set()

    def __repr__(self) -> str:
        return f"<QueryQueue waiting={len(self._waiting)} asking={len(self._asking)}>"

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def asking(self) -> int:
        return len(self._asking)

    def add(self, device_id: str) -> None:
        """Ask this device; once, however often it is added. One that is being asked right now
        and comes back from offline meanwhile is asked again afterwards."""
        if device_id in self._asking:
            self._again.add(device_id)
        else:
            self._waiting[device_id] = None

    def remove(self, device_id: str) -> None:
        """It went offline or was deleted: do not ask it."""
        self._waiting.pop(device_id, None)
        self._again.discard(device_id)

    def done(self, device_id: str) -> None:
        """The asking of this device has ended, well or not."""
        self._asking.discard(device_id)
        if device_id in self._again:
            self._again.discard(device_id)
            self._waiting[device_id] = None

    def start(self, now: float) -> list[str]:
        """Who is to be asked now, oldest first."""
        depth = max(1.0, self._rate)
        self._tokens = min(depth, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        begun: list[str] = []
        while self._waiting and self._tokens >= 1.0 and len(self._asking) < self._limit:
            device_id, _ = self._waiting.popitem(last=False)
            self._tokens -= 1.0
            self._asking.add(device_id)
            begun.append(device_id)
        return begun

    @property
    def deadline(self) -> float | None:
        """When `start` may have something, unless a `done` comes first."""
        if not self._waiting or len(self._asking) >= self._limit:
            return None
        return self._at + max(0.0, 1.0 - self._tokens) / self._rate


Key = tuple[str, str, str]
"""(device id, CmdType, SN)."""


class Answers:
    """Open questions by key. A handler stays until it is closed: an answer may have many pages."""

    def __init__(self) -> None:
        self._open: dict[Key, Callable[[object], None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def expect(
        self, device_id: str, command: str, sn: str, handler: Callable[[object], None]
    ) -> None:
        self._open[device_id, command, sn] = handler

    def deliver(self, device_id: str, command: str, sn: str, answer: object) -> bool:
        """Hand an answer to whoever asked; False when nobody did. `007` answers `7`."""
        handler = self._open.get((device_id, command, sn))
        if handler is None and sn[:1] == "0":
            handler = self._open.get((device_id, command, sn.lstrip("0")))
        if handler is None:
            return False
        handler(answer)
        return True

    def close(self, device_id: str, command: str, sn: str) -> None:
        self._open.pop((device_id, command, sn), None)
