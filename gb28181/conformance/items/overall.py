"""What is judged at the end, over every message of the run; and calls that must be refused."""

from __future__ import annotations

import re
from statistics import median
from typing import Final

from gb28181.conformance.checks import SLOW_S, addressed_back, flawless
from gb28181.conformance.desk import Desk
from gb28181.conformance.evidence import Evidence
from gb28181.conformance.model import (
    Edition,
    Finding,
    Grade,
    Item,
    Text,
    Verdict,
    failed,
    not_offered,
)

_LABEL: Final = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([\w-]{1,20})")
LABELS: Final = {
    Edition.OF_2016: ("GB2312", "GBK", "GB18030"),
    Edition.OF_2022: ("GB18030",),
}
UNABLE: Final = ("488", "415", "606")
NO_CODEC: Final = ("m=video {port} RTP/AVP 126", "a=recvonly", "a=rtpmap:126 X-NOSUCH/90000")
NO_CHANNEL: Final = "1310999999"
"""Type, network and serial of a channel nobody has."""
FEWEST: Final = 3


async def _nothing(desk: Desk) -> None:
    """Judged by what the other items saw."""


async def _bad_sdp(desk: Desk) -> None:
    await desk.invite("INVITE", media=NO_CODEC)


async def _no_channel(desk: Desk) -> None:
    await desk.invite("INVITE", code=desk.device_id[:10] + NO_CHANNEL)


async def _take_over(desk: Desk) -> None:
    await desk.take_over()


def _all_sip(evidence: Evidence) -> Finding | None:
    for message in evidence.seen:
        if message.incoming and message.sip is None:
            return failed(
                f"收到不是 SIP 的数据({message.frame.size} 字节):{message.problem}",
                f"{message.frame.size} bytes that are no SIP: {message.problem}",
            )
    return None


def _fields(evidence: Evidence) -> Finding | None:
    incoming = [m for m in evidence.seen if m.incoming and m.request and (m.tree or m.problem)]
    return flawless(evidence, [m for m in incoming if m.sip is not None])


def _version(evidence: Evidence) -> Finding | None:
    requests = evidence.requests("REGISTER", incoming=True)
    if not requests:
        return Finding(
            Verdict.PERSON,
            Text("检测期间没有注册", "the device did not register during the run"),
        )
    for request in requests:
        if not re.fullmatch(r"3\.\d", request.header("X-GB-Ver").strip()):
            said = request.header("X-GB-Ver")[:12]
            return failed(f"X-GB-Ver 为 {said!r}", f"X-GB-Ver is {said!r}")
    return None


def _charset(evidence: Evidence) -> Finding | None:
    """The charset of the edition, declared and true (6.10)."""
    for message in evidence.seen:
        if not (message.incoming and message.request and message.tree is not None):
            continue
        label = _LABEL.match(message.body[:200].lstrip())
        name = label[1].decode().upper() if label else ""
        if name not in LABELS[evidence.edition]:
            return failed(
                f"{message.command} 声明的字符集是 {name or '空'}",
                f"{message.command} declares {name or 'no charset'}",
            )
        if message.body.isascii():
            continue
        try:
            message.body.decode("gb18030")
        except UnicodeDecodeError:
            return failed(
                f"{message.command} 不是 GB 18030 编码", f"{message.command} is not GB 18030"
            )
    return None


def _delay(evidence: Evidence) -> Finding | None:
    """Between our request and the first answer of the device, in the median (5.3)."""
    sent: dict[tuple[str, str], float] = {}
    delays = []
    for message in evidence.seen:
        if not message.incoming and message.request:
            sent.setdefault(message.key, message.at)
        elif message.incoming and message.status and message.key in sent:
            delays.append(message.at - sent.pop(message.key))
    if len(delays) < FEWEST:
        return not_offered("请求太少,无法判断", "too few requests to tell")
    middle = median(delays)
    if middle > SLOW_S:
        return failed(
            f"应答时延中位数 {middle:.1f} s,超过 {SLOW_S:.0f} s",
            f"answers take {middle:.1f} s in the median, more than {SLOW_S:.0f} s",
        )
    return None


def _status(evidence: Evidence) -> int | None:
    act = evidence.act("INVITE")
    return None if act is None else act.sip_status


def _unable(evidence: Evidence) -> Finding | None:
    status = _status(evidence)
    if status is None:
        return failed("INVITE 没有应答", "the INVITE was not answered")
    if str(status) not in UNABLE:
        return failed(f"应答 {status},应为 488", f"answered {status}, not 488")
    return None


def _unknown(evidence: Evidence) -> Finding | None:
    status = _status(evidence)
    if status is None:
        return failed("INVITE 没有应答", "the INVITE was not answered")
    if not 400 <= status < 500:
        return failed(f"应答 {status},应为 404", f"answered {status}, not 404")
    return None


def _moved_over(evidence: Evidence) -> Finding | None:
    act = evidence.act("second INVITE")
    if act is None or not act.ok:
        why = "" if act is None else act.message
        return failed(f"第二个 INVITE 没有建立:{why}", f"the second INVITE did not stand: {why}")
    if not evidence.facts.get("second_media"):
        return failed("新链路没有媒体", "no media came on the new link")
    if evidence.facts.get("first_media"):
        return failed("旧链路没有释放", "the old link goes on")
    return None


def _left(evidence: Evidence) -> Finding | None:
    for request in evidence.requests("REGISTER", incoming=True):
        gone = request.header("Expires").strip() == "0" or "expires=0" in request.header("Contact")
        if gone and request.header("Authorization"):
            return Finding(Verdict.PASSED)
    return None


ITEMS: Final = (
    Item(
        "invite.unable",
        Grade.F,
        Text("不能满足的 SDP(488)", "an SDP that cannot be met: 488"),
        ("附录F", "附录G"),
        _bad_sdp,
        (_unable,),
    ),
    Item(
        "invite.unknown",
        Grade.F,
        Text("点播不存在的通道", "a channel that does not exist"),
        ("9.2", "9.2"),
        _no_channel,
        (_unknown,),
    ),
    Item(
        "invite.takeover",
        Grade.F,
        Text("相同 Subject 的新请求取代旧链路", "a new call with the same Subject takes over"),
        ("", "附录K"),
        _take_over,
        (_moved_over,),
    ),
    Item(
        "port.clean",
        Grade.A,
        Text("SIP 端口上没有其他数据", "nothing but SIP on the port"),
        ("4.3.2", "4.3.2"),
        _nothing,
        (_all_sip,),
    ),
    Item(
        "message.fields",
        Grade.A,
        Text("必选字段", "mandatory fields of every message"),
        ("附录A", "附录A"),
        _nothing,
        (_fields,),
    ),
    Item(
        "message.to",
        Grade.E,
        Text("应答的 To 是请求的 From", "To of an answer is From of the request"),
        ("附录A.1", "附录A.1"),
        _nothing,
        (addressed_back,),
    ),
    Item(
        "message.charset",
        Grade.F,
        Text("字符集", "charset"),
        ("6.10", "6.10"),
        _nothing,
        (_charset,),
    ),
    Item(
        "register.version",
        Grade.F,
        Text("协议版本标识 X-GB-Ver", "version of the protocol"),
        ("", "附录I"),
        _nothing,
        (_version,),
    ),
    Item(
        "unregister",
        Grade.A,
        Text("注销", "unregistration"),
        ("9.1.2.3", "9.1.2.2"),
        _nothing,
        (_left,),
        person=Text(
            "检测期间设备没有注销:请在设备上关闭平台接入后核对",
            "the device did not unregister during the run: switch its access off and look",
        ),
    ),
    Item(
        "delay",
        Grade.F,
        Text("信令时延", "delay of signalling"),
        ("5.3", "5.3"),
        _nothing,
        (_delay,),
    ),
)
