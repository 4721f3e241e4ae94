"""The life of one device as a table: who is online, until when, and why not.

Theory (GB/T 28181-2022 9.1.1, 9.6.1; contract "what the platform does by itself"). A device is
live from an accepted REGISTER until the first of: its registration expires, N heartbeats in a row
are missed, it unregisters, its connection is lost (editions from 3.0 on), an operator removes it.
When it leaves, its registration is gone with it: a heartbeat after that is refused, so that it
registers again. An older device whose connection is lost stays *unreachable* until its heartbeat
deadline, because it may simply open a new one.

One deadline: the earlier of registration and heartbeat. After a restart nothing has been heard
yet, so `restore` grants one full heartbeat deadline, whatever the stored registration says.

The machine keeps times and the state; addresses, credentials and records are its owner's. What a
device *sent* is judged before (`registrar.py`, `keepalive.py`): the inputs here are facts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from gb28181.device.state import LIVE, Cause, DeviceState

CHALLENGE_S: Final = 64.0
"""How long a device that was asked for credentials counts as challenged: two SIP time-outs."""


class Input(Enum):
    """Facts about a device."""

    CHALLENGE = auto()
    REGISTER = auto()
    UNREGISTER = auto()
    HEARD = auto()
    """A message under a valid registration."""
    FLOW_LOST = auto()
    """The connection ended; the device may open another one."""
    FLOW_LOST_FOR_GOOD = auto()
    """The connection ended, and for this edition that means offline."""
    TICK = auto()
    """The deadline has passed."""
    REMOVE = auto()


@dataclass(frozen=True, slots=True)
class Online:
    """It can be reached. `fresh`: it was not live before, so its facts may be old."""

    cause: Cause
    fresh: bool


@dataclass(frozen=True, slots=True)
class Refreshed:
    """It registered again while online."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    cause: Cause


@dataclass(frozen=True, slots=True)
class Offline:
    cause: Cause


Effect = Online | Refreshed | Unreachable | Offline


class Action(Enum):
    """What a transition does besides changing the state."""

    NOTHING = auto()
    REFUSE = auto()
    """Owners never get here: the fact cannot be one in this state."""
    COME = auto()
    COME_BACK = auto()
    RECONNECT = auto()
    REFRESH = auto()
    LOSE_CONNECTION = auto()
    LEAVE = auto()
    FORGET_CHALLENGE = auto()


_S, _I, _A = DeviceState, Input, Action

TABLE: Final[dict[tuple[DeviceState, Input], tuple[DeviceState, Action]]] = {
    (_S.UNKNOWN, _I.CHALLENGE): (_S.CHALLENGED, _A.NOTHING),
    (_S.UNKNOWN, _I.REGISTER): (_S.ONLINE, _A.COME),
    (_S.UNKNOWN, _I.UNREGISTER): (_S.UNKNOWN, _A.NOTHING),
    (_S.UNKNOWN, _I.HEARD): (_S.UNKNOWN, _A.REFUSE),
    (_S.UNKNOWN, _I.FLOW_LOST): (_S.UNKNOWN, _A.NOTHING),
    (_S.UNKNOWN, _I.FLOW_LOST_FOR_GOOD): (_S.UNKNOWN, _A.NOTHING),
    (_S.UNKNOWN, _I.TICK): (_S.UNKNOWN, _A.NOTHING),
    (_S.UNKNOWN, _I.REMOVE): (_S.UNKNOWN, _A.NOTHING),
    (_S.CHALLENGED, _I.CHALLENGE): (_S.CHALLENGED, _A.NOTHING),
    (_S.CHALLENGED, _I.REGISTER): (_S.ONLINE, _A.COME),
    (_S.CHALLENGED, _I.UNREGISTER): (_S.OFFLINE, _A.NOTHING),
    (_S.CHALLENGED, _I.HEARD): (_S.CHALLENGED, _A.REFUSE),
    (_S.CHALLENGED, _I.FLOW_LOST): (_S.CHALLENGED, _A.NOTHING),
    (_S.CHALLENGED, _I.FLOW_LOST_FOR_GOOD): (_S.CHALLENGED, _A.NOTHING),
    (_S.CHALLENGED, _I.TICK): (_S.OFFLINE, _A.FORGET_CHALLENGE),
    (_S.CHALLENGED, _I.REMOVE): (_S.OFFLINE, _A.NOTHING),
    (_S.ONLINE, _I.CHALLENGE): (_S.ONLINE, _A.NOTHING),
    (_S.ONLINE, _I.REGISTER): (_S.ONLINE, _A.REFRESH),
    (_S.ONLINE, _I.UNREGISTER): (_S.OFFLINE, _A.LEAVE),
    (_S.ONLINE, _I.HEARD): (_S.ONLINE, _A.NOTHING),
    (_S.ONLINE, _I.FLOW_LOST): (_S.UNREACHABLE, _A.LOSE_CONNECTION),
    (_S.ONLINE, _I.FLOW_LOST_FOR_GOOD): (_S.OFFLINE, _A.LEAVE),
    (_S.ONLINE, _I.TICK): (_S.OFFLINE, _A.LEAVE),
    (_S.ONLINE, _I.REMOVE): (_S.OFFLINE, _A.LEAVE),
    (_S.UNREACHABLE, _I.CHALLENGE): (_S.UNREACHABLE, _A.NOTHING),
    (_S.UNREACHABLE, _I.REGISTER): (_S.ONLINE, _A.COME_BACK),
    (_S.UNREACHABLE, _I.UNREGISTER): (_S.OFFLINE, _A.LEAVE),
    (_S.UNREACHABLE, _I.HEARD): (_S.ONLINE, _A.RECONNECT),
    (_S.UNREACHABLE, _I.FLOW_LOST): (_S.UNREACHABLE, _A.NOTHING),
    (_S.UNREACHABLE, _I.FLOW_LOST_FOR_GOOD): (_S.OFFLINE, _A.LEAVE),
    (_S.UNREACHABLE, _I.TICK): (_S.OFFLINE, _A.LEAVE),
    (_S.UNREACHABLE, _I.REMOVE): (_S.OFFLINE, _A.LEAVE),
    (_S.OFFLINE, _I.CHALLENGE): (_S.CHALLENGED, _A.NOTHING),
    (_S.OFFLINE, _I.REGISTER): (_S.ONLINE, _A.COME),
    (_S.OFFLINE, _I.UNREGISTER): (_S.OFFLINE, _A.NOTHING),
    (_S.OFFLINE, _I.HEARD): (_S.OFFLINE, _A.REFUSE),
    (_S.OFFLINE, _I.FLOW_LOST): (_S.OFFLINE, _A.NOTHING),
    (_S.OFFLINE, _I.FLOW_LOST_FOR_GOOD): (_S.OFFLINE, _A.NOTHING),
    (_S.OFFLINE, _I.TICK): (_S.OFFLINE, _A.NOTHING),
    (_S.OFFLINE, _I.REMOVE): (_S.OFFLINE, _A.NOTHING),
}

_CAUSES: Final = {
    Input.UNREGISTER: Cause.UNREGISTERED,
    Input.FLOW_LOST_FOR_GOOD: Cause.TCP_LOST,
    Input.REMOVE: Cause.REMOVED,
}


class Misjudged(Exception):
    """An owner fed a fact that cannot be one: it did not ask `registered` first. A bug of ours."""


class Presence:
    """The machine of one device. `last_seen` is moved directly by the heartbeat path."""

    __slots__ = (
        "_before",
        "_challenged_until",
        "_grace",
        "expires_at",
        "last_seen",
        "silence_s",
        "state",
    )

    def __init__(self, silence_s: float) -> None:
        self.state = DeviceState.UNKNOWN
        self.silence_s = silence_s
        """How long it may be silent (heartbeat interval times count, and a little)."""
        self.expires_at = 0.0
        """End of the registration."""
        self.last_seen = 0.0
        self._grace = 0.0
        self._challenged_until = 0.0
        self._before = DeviceState.UNKNOWN

    def __repr__(self) -> str:
        return f"<Presence {self.state.name} seen={self.last_seen:.0f} until={self.expires_at:.0f}>"

    def registered(self, now: float) -> bool:
        """Whether a message of the device is to be believed now."""
        return self.state in LIVE and now < self.expires_at

    @property
    def deadline(self) -> float | None:
        """When `TICK` is due; it may move later without notice."""
        if self.state in LIVE:
            return max(self._grace, min(self.expires_at, self.last_seen + self.silence_s))
        return self._challenged_until if self.state is DeviceState.CHALLENGED else None

    def restore(self, state: DeviceState, expires_at: float, now: float) -> None:
        """Continue where the run before stopped; nothing is asked and nothing is said."""
        self.state = state
        self.expires_at = expires_at
        if state in LIVE:
            self.last_seen = now
            self._grace = now + self.silence_s

    def handle(self, event: Input, now: float, *, expires_s: float = 0.0) -> list[Effect]:
        """`expires_s` is the granted time of a REGISTER."""
        before = self.state
        after, action = TABLE[before, event]
        if action is Action.REFUSE:
            raise Misjudged(f"{event.name} in state {before.name}")
        if event is Input.CHALLENGE and after is DeviceState.CHALLENGED:
            if before is not DeviceState.CHALLENGED:
                self._before = before
            self._challenged_until = now + CHALLENGE_S
        elif event is Input.REGISTER:
            self.expires_at = now + expires_s
            self.last_seen = now
            self._grace = 0.0
        elif event is Input.HEARD:
            self.last_seen = now
        self.state = after
        effects = _ACTIONS[action](self, event, now)
        if before in LIVE and after not in LIVE:
            self.expires_at = 0.0
            self._grace = 0.0
        return effects

    # --- actions ----------------------------------------------------------------------------

    def _nothing(self, event: Input, now: float) -> list[Effect]:
        return []

    def _come(self, event: Input, now: float) -> list[Effect]:
        return [Online(Cause.REGISTERED, fresh=True)]

    def _come_back(self, event: Input, now: float) -> list[Effect]:
        return [Online(Cause.REGISTERED, fresh=False)]

    def _reconnect(self, event: Input, now: float) -> list[Effect]:
        return [Online(Cause.RECONNECTED, fresh=False)]

    def _refresh(self, event: Input, now: float) -> list[Effect]:
        return [Refreshed()]

    def _lose_connection(self, event: Input, now: float) -> list[Effect]:
        return [Unreachable(Cause.TCP_LOST)]

    def _leave(self, event: Input, now: float) -> list[Effect]:
        cause = _CAUSES.get(event)
        if cause is None:
            silent = self.last_seen + self.silence_s <= now
            cause = Cause.HEARTBEAT_MISSED if silent else Cause.REGISTRATION_EXPIRED
        return [Offline(cause)]

    def _forget_challenge(self, event: Input, now: float) -> list[Effect]:
        self.state = self._before
        return []


_ACTIONS: Final[dict[Action, Callable[[Presence, Input, float], list[Effect]]]] = {
    Action.NOTHING: Presence._nothing,
    Action.COME: Presence._come,
    Action.COME_BACK: Presence._come_back,
    Action.RECONNECT: Presence._reconnect,
    Action.REFRESH: Presence._refresh,
    Action.LOSE_CONNECTION: Presence._lose_connection,
    Action.LEAVE: Presence._leave,
    Action.FORGET_CHALLENGE: Presence._forget_challenge,
}
