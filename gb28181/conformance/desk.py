"""What an item may do with a device. Everything done is noted in the evidence and nothing raises:
whether it worked is for the checks to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from gb28181.control.collect import Collected, Key
from gb28181.manscdp import Message
from gb28181.manscdp.actions import Action
from gb28181.manscdp.blocks import BlockType
from gb28181.manscdp.ptz import Instruction

from .evidence import Seen
from .model import Edition

Word = Literal["pause", "resume", "seek", "speed", "stop"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an item waits, in seconds. Devices for the bench have shorter times of their own."""

    answer_s: float = 10.0
    """For an answer."""
    watch_s: float = 4.0
    """How long a picture is looked at."""
    move_s: float = 2.0
    """How long a camera moves."""
    retry_s: float = 60.0
    """The shortest pause after a failed registration (2022 7.1)."""
    grant_s: int = 60
    """The registration time granted to see a refresh."""
    boot_s: float = 240.0
    """For a restart."""
    subscription_s: int = 600
    """What a subscription is asked for."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A picture stream that was looked at."""

    session_id: str
    call_id: str
    transport: str
    ssrc_asked: int | None
    """What the INVITE carried."""
    ssrc: int | None
    """What the packets carry."""
    ssrc_changes: int
    video: str
    width: int
    height: int
    fps: float
    audio: str
    packets: int
    lost: int
    frames: int
    key_frames: int
    container: str
    bad_ps: int
    pictures: int
    """Decoded by a decoder that is not ours."""
    difference: float
    """Between the first and the last picture: mean of grey levels, 0-255."""
    first_picture_s: float
    """From the INVITE."""


class Desk(Protocol):
    """One item's hands."""

    @property
    def edition(self) -> Edition: ...
    @property
    def patience(self) -> Patience: ...
    @property
    def device_id(self) -> str: ...
    @property
    def code(self) -> str:
        """The examined channel by the device's code; the device's own when it has none."""
        ...

    @property
    def heartbeat_s(self) -> float: ...
    @property
    def heartbeats(self) -> int:
        """Missed in a row until offline."""
        ...

    def civil(self) -> datetime: ...
    def note(self, name: str, value: Any) -> None: ...
    def known(self, name: str) -> Any:
        """What an earlier item noted for the whole run, or None."""
        ...

    def remember(self, name: str, value: Any) -> None: ...

    async def ask(
        self, what: str, message: Message, *, command: str = "", key: Key | None = None
    ) -> Collected | None: ...
    async def tell(self, what: str, action: Action, *, whole: bool = False) -> bool:
        """A command to the channel, or to the device as a whole."""
        ...

    async def ptz(self, what: str, instruction: Instruction, address: int = 1) -> bool: ...
    async def info(self) -> None: ...
    async def catalog(self) -> None: ...
    async def read_config(self, kinds: tuple[BlockType, ...]) -> Mapping[BlockType, Any]: ...
    async def change_config(self, kind: BlockType, changes: Mapping[str, Any]) -> bool: ...
    async def position(self) -> tuple[float, float, float] | None:
        """Pan, tilt, zoom, where the camera tells."""
        ...

    async def look(self, transport: str = "", stream: str = "main") -> Looked | None:
        """Open a live picture, look at it, and close it."""
        ...

    async def watch(self, seconds: float) -> float | None:
        """How much an open picture changes meanwhile; None where there is none."""
        ...

    def picture(self) -> AbstractAsyncContextManager[bool]:
        """Keep a live picture open meanwhile."""
        ...

    async def records(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]: ...
    async def play(self, start: datetime, end: datetime) -> str | None:
        """Begin a playback; its session. What it shows is the fact `looked`."""
        ...

    async def steer(
        self, what: str, session_id: str, word: Word, value: float | None = None
    ) -> bool: ...
    async def frames(self, session_id: str, seconds: float) -> int:
        """Pictures that arrived meanwhile."""
        ...

    async def ended(self, session_id: str, seconds: float) -> str:
        """Wait for the end of a session; its reason, empty when it goes on."""
        ...

    async def stop(self, session_id: str) -> None: ...
    async def download(self, start: datetime, end: datetime, speed: int) -> None: ...
    async def subscribe(self, kind: str) -> bool:
        """Subscribe, refresh inside the dialog, end it; one that is wanted stays."""
        ...

    async def invite(self, what: str, *, media: Sequence[str] = (), code: str = "") -> None:
        """An INVITE that should be refused: of this media, or of this channel."""
        ...

    async def take_over(self) -> None:
        """Two INVITEs with the same Subject, one after the other (2022 annex K)."""
        ...

    async def snapshot(self, count: int) -> None: ...

    async def wait(
        self,
        what: str,
        test: Callable[[Seen], bool],
        seconds: float,
        *,
        count: int = 1,
        since_begin: bool = False,
    ) -> bool:
        """For so many messages, from now on or since the item began."""
        ...

    async def pause(self, seconds: float) -> None: ...
    def treat(
        self, *, heartbeat: str = "", register: int = 0, grant_s: int = 0
    ) -> AbstractAsyncContextManager[None]:
        """Treat the device's registration so, meanwhile (`device.trial`)."""
        ...
