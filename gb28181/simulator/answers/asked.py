"""One question to a device with all it takes to answer it, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gb28181.manscdp import Message
from gb28181.manscdp.blocks import SnapShotConfig
from gb28181.manscdp.codec import Node
from gb28181.simulator import pen
from gb28181.simulator.faults import Faults
from gb28181.simulator.memory import Memory
from gb28181.simulator.plan import ChannelSpec, DeviceSpec
from gb28181.simulator.profiles import Habit, Profile


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the device it is put to."""

    message: Message
    to: str
    """The id in To: on recorders it tells whether the device or a channel is meant."""
    spec: DeviceSpec
    profile: Profile
    faults: Faults
    memory: Memory
    server_id: str
    page_items: int
    now: float
    """Of the clock that only goes forward, s."""
    wall: datetime
    """The device's own clock."""
    moving: bool = False
    """It drives around."""

    @property
    def code(self) -> str:
        """What is asked about: the device or one of its channels."""
        return self.message.device_id or self.spec.device_id

    @property
    def camera(self) -> str:
        """The channel that is meant; the first one when the device is named."""
        for channel in self.spec.channels:
            if channel.channel_id == self.code:
                return self.code
        return self.spec.channels[0].channel_id if self.spec.channels else self.code

    def channel(self, code: str) -> ChannelSpec | None:
        return next((one for one in self.spec.channels if one.channel_id == code), None)

    def has(self, habit: Habit) -> bool:
        return self.profile.has(habit)

    def response(self, command: str, *nodes: Node) -> bytes:
        """A Response of this device to this question."""
        return pen.write(
            self.profile,
            self.faults,
            "Response",
            command,
            self.message.sn,
            self.code,
            nodes,
        )

    def written(self, message: Message) -> bytes:
        return pen.write_message(self.profile, self.faults, message)


# --- deeds: what a device does besides answering ---------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """All calls of the channel go on with a key frame."""

    code: str


@dataclass(frozen=True, slots=True)
class Boot:
    """Go away without a word and register again."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Fetch the firmware, restart, tell the result."""

    session_id: str
    firmware: str
    url: str


@dataclass(frozen=True, slots=True)
class TakePictures:
    """Bring pictures of a channel."""

    code: str
    config: SnapShotConfig


@dataclass(frozen=True, slots=True)
class Register:
    """Register again at once."""


@dataclass(frozen=True, slots=True)
class Retime:
    """The heartbeat has another interval from now on, s."""

    interval_s: float


@dataclass(frozen=True, slots=True)
class Listen:
    """Call the platform and hear what it says."""

    target: str
    source_id: str


Deed = KeyFrame | Boot | Upgrade | TakePictures | Register | Retime | Listen


@dataclass(slots=True)
class Reply:
    """What comes of a question."""

    bodies: list[bytes] = field(default_factory=list)
    """MESSAGEs, sent one after the other."""
    at_once: bool = False
    """They do not wait for each other."""
    deeds: list[Deed] = field(default_factory=list)
