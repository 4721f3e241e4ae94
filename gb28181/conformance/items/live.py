"""Live pictures: flow, SSRC rule, program stream, parameters. Clause 9.2, annexes C, D, G."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from gb28181.conformance.checks import done
from gb28181.conformance.desk import Desk, Looked
from gb28181.conformance.evidence import Evidence, Seen
from gb28181.conformance.model import Check, Finding, Grade, Item, Text, failed, not_offered
from gb28181.manscdp.actions import IFrame

_LINE: Final = re.compile(rb"^([a-z])=([^\r\n]*)", re.M)
_F: Final = re.compile(r"v/(\d*)/([\dxX*]*)/(\d*)/(\d*)/(\d*)a/(\d*)/(\d*)/(\d*)")
VIDEO: Final = {"1": "mpeg4", "2": "h264", "3": "svac", "5": "h265"}
SIZES: Final = {"1": (176, 144), "2": (352, 288), "3": (704, 576), "5": (1280, 720)}
"""By the codes of the f field; D1 and 1080P/I have more than one size in practice."""


async def _look(desk: Desk, transport: str = "", stream: str = "main") -> None:
    looked = await desk.look(transport, stream)
    if looked is not None:
        desk.note("looked", looked)
        desk.remember("looked", looked)


async def _key_frame(desk: Desk) -> None:
    async with desk.picture() as open_:
        if open_:
            await desk.tell("IFrame", IFrame(desk.edition.value == "2016"))


def lines(message: Seen) -> dict[str, str]:
    """The last line of each letter of an SDP body."""
    found = _LINE.findall(message.body)
    return {letter.decode(): value.decode("latin-1").strip() for letter, value in found}


def looked(evidence: Evidence) -> Looked | None:
    found = evidence.facts.get("looked")
    return found if isinstance(found, Looked) else None


def invite_of(evidence: Evidence) -> Seen | None:
    found = evidence.requests("INVITE", incoming=False)
    return found[0] if found else None


def flow(evidence: Evidence) -> Finding | None:
    """INVITE, 200 with SDP, ACK, media, BYE, 200."""
    invite = invite_of(evidence)
    if invite is None:
        return failed("没有发出 INVITE:有人正在观看", "no INVITE was sent: somebody is watching")
    answer = evidence.answer(invite)
    if answer is None or answer.status != 200 or not answer.body:
        return failed("INVITE 没有带 SDP 的 200", "no 200 with an SDP to the INVITE")
    if not answer.header("Contact"):
        return failed("INVITE 的 200 没有 Contact", "the 200 of the INVITE has no Contact")
    for bye in evidence.requests("BYE", incoming=False):
        ended = evidence.answer(bye)
        if ended is None or ended.status != 200:
            return failed("BYE 没有得到 200", "BYE was not answered 200")
    return None


def sdp(evidence: Evidence) -> Finding | None:
    """The lines of the answer (annex G)."""
    invite = invite_of(evidence)
    answer = None if invite is None else evidence.answer(invite)
    if invite is None or answer is None:
        return None
    asked, said = lines(invite), lines(answer)
    missing = [letter for letter in "vosctm" if letter not in said]
    if missing:
        return failed(f"SDP 缺少 {missing}", f"the SDP lacks {missing}")
    if said["s"].lower() != asked["s"].lower():
        return failed(
            f"SDP 的 s= 是 {said['s'][:20]},应为 {asked['s']}",
            f"s= of the SDP is {said['s'][:20]}, not {asked['s']}",
        )
    if b"PS/90000" not in answer.body:
        return failed("SDP 没有声明 PS/90000", "the SDP does not announce PS/90000")
    return None


def ssrc_rule(evidence: Evidence) -> Finding | None:
    """The INVITE's value is repeated in the 200 and used in RTP (annex G, y field)."""
    invite = invite_of(evidence)
    answer = None if invite is None else evidence.answer(invite)
    if invite is None or answer is None:
        return None
    asked, said = lines(invite).get("y", ""), lines(answer).get("y", "")
    if not said:
        return failed("200 没有 y= 行", "the 200 has no y= line")
    if not said.isdigit() or int(said) != int(asked):
        return failed(f"y= 为 {said[:12]},要求 {asked}", f"y= is {said[:12]}, {asked} was asked")
    seen = looked(evidence)
    if seen is not None and seen.ssrc is not None and seen.ssrc != int(asked):
        return failed(
            f"RTP 的 SSRC 是 {seen.ssrc},要求 {int(asked)}",
            f"SSRC of the packets is {seen.ssrc}, {int(asked)} was asked",
        )
    return None


def decoded(evidence: Evidence) -> Finding | None:
    """A decoder that is not ours shows it."""
    seen = looked(evidence)
    if seen is None or not seen.pictures:
        return failed("没有解码出图像", "no picture could be decoded")
    return None


def program_stream(evidence: Evidence) -> Finding | None:
    """RTP carries a program stream without breaks of its rules (annex C)."""
    seen = looked(evidence)
    if seen is None:
        return None
    if seen.container != "ps":
        return failed(
            f"RTP 载荷不是 PS,而是 {seen.container or '未知'}",
            f"RTP carries {seen.container or 'something unknown'}, not a program stream",
        )
    if seen.bad_ps and not seen.lost:
        return failed(
            f"PS 流有 {seen.bad_ps} 处不合规则",
            f"the program stream breaks its rules {seen.bad_ps} times",
        )
    if seen.ssrc_changes:
        return failed("同一路流中 SSRC 变化", "SSRC changes within the stream")
    return None


def parameters(evidence: Evidence) -> Finding | None:
    """What the f field announces is what comes."""
    invite = invite_of(evidence)
    answer = None if invite is None else evidence.answer(invite)
    seen = looked(evidence)
    if answer is None or seen is None:
        return None
    announced = _F.match(lines(answer).get("f", "").replace(" ", ""))
    if announced is None:
        return None
    codec, size = VIDEO.get(announced[1]), _size(announced[2])
    if codec is not None and seen.video and codec != seen.video:
        return failed(f"f= 声明 {codec},实际 {seen.video}", f"f= says {codec}, {seen.video} comes")
    if size is not None and seen.width and size != (seen.width, seen.height):
        return failed(
            f"f= 声明 {size[0]}x{size[1]},实际 {seen.width}x{seen.height}",
            f"f= says {size[0]}x{size[1]}, {seen.width}x{seen.height} comes",
        )
    return None


def _size(text: str) -> tuple[int, int] | None:
    width, x, height = text.lower().replace("*", "x").partition("x")
    if x and width.isdigit() and height.isdigit():
        return int(width), int(height)
    return SIZES.get(text)


def _other_picture(evidence: Evidence) -> Finding | None:
    """The sub-stream is another one than the main one."""
    seen, main = looked(evidence), evidence.facts.get("main")
    same = (
        isinstance(main, Looked)
        and seen is not None
        and (main.width, main.height)
        == (
            seen.width,
            seen.height,
        )
    )
    if same:
        return not_offered(
            "设备对码流编号 1 仍送主码流", "the device sends the main stream as number 1, too"
        )
    return None


async def _sub_stream(desk: Desk) -> None:
    desk.note("main", desk.known("looked"))
    await _look(desk, stream="sub")


def _is(codec: str, zh: str, en: str) -> Check:
    def check(evidence: Evidence) -> Finding | None:
        seen = looked(evidence)
        return (
            None if seen is not None and codec in (seen.video, seen.audio) else not_offered(zh, en)
        )

    return check


async def _last(desk: Desk) -> None:
    """What was seen already."""
    desk.note("looked", desk.known("looked"))


_WHOLE: Final[tuple[Check, ...]] = (flow, sdp, ssrc_rule, decoded, program_stream, parameters)

ITEMS: Final = (
    Item(
        "live.udp",
        Grade.A,
        Text("实时点播(UDP)", "live picture over UDP"),
        ("9.2", "9.2"),
        partial(_look, transport="udp"),
        (done("INVITE udp"), *_WHOLE),
    ),
    Item(
        "live.tcp_passive",
        Grade.A,
        Text("实时点播(TCP,平台监听)", "live picture over TCP, the device connects"),
        ("附录L", "附录D"),
        partial(_look, transport="tcp-passive"),
        (done("INVITE tcp-passive", optional=True), *_WHOLE),
    ),
    Item(
        "live.tcp_active",
        Grade.A,
        Text("实时点播(TCP,平台连接)", "live picture over TCP, the platform connects"),
        ("附录L", "附录D"),
        partial(_look, transport="tcp-active"),
        (done("INVITE tcp-active", optional=True), *_WHOLE),
    ),
    Item(
        "live.key_frame",
        Grade.F,
        Text("强制关键帧", "key frame by command"),
        ("9.3", "9.3"),
        _key_frame,
        (done("IFrame", optional=True),),
    ),
    Item(
        "live.sub_stream",
        Grade.F,
        Text("码流编号", "stream number"),
        ("", "附录G"),
        _sub_stream,
        (done("INVITE", optional=True), flow, decoded, _other_picture),
    ),
    Item(
        "video.h265",
        Grade.F,
        Text("PS 中的 H.265", "H.265 in the program stream"),
        ("", "附录C"),
        _last,
        (_is("h265", "设备没有送 H.265", "the device sends no H.265"), decoded, program_stream),
    ),
    Item(
        "audio.aac",
        Grade.F,
        Text("PS 中的 AAC", "AAC in the program stream"),
        ("", "附录C"),
        _last,
        (_is("aac", "设备没有送 AAC", "the device sends no AAC"), decoded, program_stream),
    ),
)
