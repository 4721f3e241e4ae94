"""Everything a camera can be told to do wrong. The defaults are a camera without fault."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .bodies import Item
from .text import Msg

Pages = list[list[Item]]


@dataclass(slots=True)
class Faults:
    """A test may change these at any time; they are read when the camera acts."""

    # -- SIP as such
    mute: bool = False
    """Silent death: reads nothing, answers nothing, sends nothing. Set by `Camera.vanish`."""
    drop_in: Callable[[Msg], bool] | None = None
    """True = this message never arrived."""
    drop_out: Callable[[Msg], bool] | None = None
    """True = this message (or this repetition of it) is lost on the way."""
    tcp_split: int = 0
    """Send every TCP message in pieces of so many bytes, a moment apart."""
    body_apart: bool = False
    """TCP: headers first, the body a moment later in two pieces."""
    retransmit: bool = True
    """False: requests over UDP are sent once."""

    # -- registration
    use_qop: bool = True
    """False: answers a challenge with qop in the form without qop."""
    digest_uri: str = ""
    """What to write as `uri` of the credentials instead of the Request-URI."""

    date: str = ""
    """Written as Date into REGISTER: what the camera thinks the time is."""

    # -- calls
    never_answer: bool = False
    """INVITE: nothing at all, not even a 100."""
    provisional: tuple[int, ...] = (100,)
    """Sent before the final answer, in this order."""
    invite_status: int = 200
    answer_delay_s: float = 0.0
    """INVITE: the final answer comes so much later (after the platform's patience, say)."""
    answers: int = 1
    """The 200 is sent so many times, whether the ACK came or not."""
    ignore_acks: int = 0
    """So many ACKs are treated as lost, so that the 200 is repeated."""
    answer_bye: bool = True
    answer_cancel: bool = True

    keeps_old: bool = False
    """A second INVITE with the Subject of a running call does not end that one."""

    # -- SDP of the answer
    sdp_host: str = ""
    """c= of the answer: a private or a foreign address."""
    sdp_port: int = -1
    """m= port of the answer, when not the true one."""
    y: str = "asked"
    """`asked`, `none` (no y= line), or the ten digits to write."""

    # -- media
    no_media: bool = False
    ssrc: int = -1
    """SSRC of the RTP packets when not the one asked for: 0, or a wrong one."""
    media_host: str = ""
    """Media leaves from (TCP: is waited for at) this address, 127.0.0.2 say, whatever c= says."""
    media_other_port: bool = False
    """Send RTP from another source port than m= says."""
    loss: str = ""
    dup: str = ""
    swap: str = ""
    """Patterns of `rtp.Line`."""
    no_psm: bool = False
    psm_video_type: int = 0x1B
    private_stream: bool = False
    no_sound: bool = False
    burst: bool = False
    """All packets of a frame at once instead of paced."""
    tcp_connects: bool = True
    """False: TCP media with the platform listening: the camera never connects."""

    # -- recordings
    info_status: int = 200
    """Answer to every INFO that asks for another speed or place."""
    backwards: str = "any"
    """Speeds below 0: `any`, `slow` (always -1, and the answer says so) or `refused` (400)."""
    file_end: int = 0
    """A recording is sent only up to this moment (UNIX), as when a file ends there."""
    arrange_records: Callable[[list[bytes]], list[bytes]] = field(default=lambda packets: packets)
    """Doubles, shuffles or loses packets of RecordInfo."""
    media_status: str = "dialog"
    """How the end is told: `dialog`, `device` or `channel` (a MESSAGE of its own naming that), or
    `none`."""

    # -- catalog
    sum_num: Callable[[int], int] = field(default=lambda true: true)
    """SumNum as a function of the true one."""
    arrange: Callable[[Pages], Pages] = field(default=lambda pages: pages)
    """Doubles, shuffles or loses pages: see `doubled`, `shuffled`, `lost`."""
    catalog_sn: str = ""
    """Answer with this SN instead of the one asked."""
    answer_queries: bool = True
    message_status: int = 200
    """SIP answer to every MESSAGE; not 200: what it says is not looked at. 0: none at all."""
    page_gap_s: float = 0.0


def doubled(pages: Pages) -> Pages:
    return [page for page in pages for _ in range(2)]


def shuffled(seed: int) -> Callable[[Pages], Pages]:
    def arrange(pages: Pages) -> Pages:
        out = list(pages)
        random.Random(seed).shuffle(out)
        return out

    return arrange


def lost(numbers: Sequence[int]) -> Callable[[Pages], Pages]:
    def arrange(pages: Pages) -> Pages:
        return [page for at, page in enumerate(pages) if at not in numbers]

    return arrange
