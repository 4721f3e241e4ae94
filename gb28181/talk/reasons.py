"""Why a target does not hear (any more): one word for machines, two sentences for people.

Devices refuse speech in a dozen ways that look the same from a distance; each is told apart here,
because the remedy differs: another firmware setting, another transport, another codec, or nothing
to be done but a loudspeaker.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gb28181.errors import Leg
from gb28181.session.model import EndReason, Failure


class Reason(StrEnum):
    """Stable words; the API and the console show them with their sentences."""

    DEVICE_OFFLINE = "device_offline"
    NOTIFY_TIMEOUT = "notify_timeout"
    NOTIFY_REFUSED = "notify_refused"
    NO_RESPONSE = "no_response"
    RESULT_ERROR = "result_error"
    NO_INVITE = "no_invite"
    INVITE_UNUSABLE = "invite_unusable"
    CODEC = "codec"
    ADDRESS_REFUSED = "address_refused"
    INVITE_TIMEOUT = "invite_timeout"
    INVITE_REJECTED = "invite_rejected"
    CANCELLED = "cancelled"
    NO_PORT = "no_port"
    NO_ACK = "no_ack"
    NO_CONNECTION = "no_connection"
    CONNECTION_LOST = "connection_lost"
    DEVICE_BYE_EARLY = "device_bye_early"
    DEVICE_BYE = "device_bye"
    BUSY = "busy"
    FINISHED = "finished"
    STOPPED = "stopped"
    MICROPHONE_GONE = "microphone_gone"
    SHUTDOWN = "shutdown"
    FAULT = "fault"


WISHED: Final = frozenset({Reason.FINISHED, Reason.STOPPED, Reason.SHUTDOWN})
"""Ends that are no failure."""


@dataclass(frozen=True, slots=True)
class Words:
    """One reason for people, and what it counts as."""

    zh: str
    en: str
    ending: EndReason


WORDS: Final[dict[Reason, Words]] = {
    Reason.DEVICE_OFFLINE: Words("设备不在线", "the device is offline", EndReason.DEVICE_OFFLINE),
    Reason.NOTIFY_TIMEOUT: Words(
        "设备没有应答广播通知",
        "the device did not answer the broadcast notification",
        EndReason.INVITE_TIMEOUT,
    ),
    Reason.NOTIFY_REFUSED: Words(
        "设备以 SIP 错误码拒绝了广播通知",
        "the device refused the broadcast notification at SIP level",
        EndReason.INVITE_REJECTED,
    ),
    Reason.NO_RESPONSE: Words(
        "设备收到了广播通知，但没有回复结果；多半不支持语音广播",
        "the device took the notification and never said a result; it may not know broadcast",
        EndReason.INVITE_TIMEOUT,
    ),
    Reason.RESULT_ERROR: Words(
        "设备回复广播结果为 ERROR：没有扬声器、正在对讲，或未开启该功能",
        "the device answered the broadcast with ERROR: no loudspeaker, busy, or switched off there",
        EndReason.INVITE_REJECTED,
    ),
    Reason.NO_INVITE: Words(
        "设备同意广播，但没有发来 INVITE；检查设备的上级平台地址和音频通道",
        "the device agreed and never sent its INVITE; look at its server address and audio channel",
        EndReason.INVITE_TIMEOUT,
    ),
    Reason.INVITE_UNUSABLE: Words(
        "设备的 INVITE 中没有可用的音频媒体描述",
        "the INVITE of the device describes no usable audio",
        EndReason.INVITE_REJECTED,
    ),
    Reason.CODEC: Words(
        "设备要求的音频编码不是 G.711A；请在设备上把音频编码改为 G.711A",
        "the device wants another codec than G.711A; set its audio to G.711A",
        EndReason.UNSUPPORTED_CODEC,
    ),
    Reason.ADDRESS_REFUSED: Words(
        "设备要求把声音发到不被允许的地址；如确属该设备，加入 media.allow",
        "the device wants speech sent to an address that is not allowed; see media.allow",
        EndReason.INVITE_REJECTED,
    ),
    Reason.INVITE_TIMEOUT: Words(
        "设备没有应答对讲 INVITE", "the device did not answer the INVITE", EndReason.INVITE_TIMEOUT
    ),
    Reason.INVITE_REJECTED: Words(
        "设备拒绝了对讲 INVITE；多半不支持 2016 版对讲，请改用广播",
        "the device refused the INVITE; it may not know the talk of 2016: use broadcast",
        EndReason.INVITE_REJECTED,
    ),
    Reason.CANCELLED: Words(
        "设备取消了自己的 INVITE", "the device cancelled its INVITE", EndReason.DEVICE_BYE
    ),
    Reason.NO_PORT: Words("没有空闲的媒体端口", "no media port is free", EndReason.NO_PORT),
    Reason.NO_ACK: Words(
        "设备没有确认（ACK）通话", "the device never acknowledged the call", EndReason.NO_MEDIA
    ),
    Reason.NO_CONNECTION: Words(
        "约定的 TCP 媒体连接没有建立",
        "the TCP connection for the sound was not made",
        EndReason.NO_MEDIA,
    ),
    Reason.CONNECTION_LOST: Words(
        "TCP 媒体连接中断", "the TCP connection for the sound broke", EndReason.MEDIA_STOPPED
    ),
    Reason.DEVICE_BYE_EARLY: Words(
        "设备刚接通就挂断；多半音频编码不是 G.711A，或扬声器被占用",
        "the device hung up at once: usually its audio is not G.711A, or its speaker is in use",
        EndReason.DEVICE_BYE,
    ),
    Reason.DEVICE_BYE: Words("设备挂断了", "the device hung up", EndReason.DEVICE_BYE),
    Reason.BUSY: Words(
        "该目标正在进行另一个广播或对讲", "somebody talks to this target already", EndReason.STOPPED
    ),
    Reason.FINISHED: Words("播放完毕", "played to its end", EndReason.FINISHED),
    Reason.STOPPED: Words("已按要求结束", "ended by request", EndReason.STOPPED),
    Reason.MICROPHONE_GONE: Words("麦克风已断开", "the microphone is gone", EndReason.STOPPED),
    Reason.SHUTDOWN: Words("平台正在停止", "the platform is stopping", EndReason.SHUTDOWN),
    Reason.FAULT: Words("平台内部错误", "a fault of the platform", EndReason.MEDIA_STOPPED),
}


@dataclass(frozen=True, slots=True)
class Why:
    """The end of one target."""

    reason: Reason
    detail: str = ""
    """What exactly was said or seen."""
    sip_status: int | None = None

    @property
    def words(self) -> Words:
        return WORDS[self.reason]

    @property
    def message(self) -> str:
        """For people, in English, with what was seen."""
        return f"{self.words.en} ({self.detail})" if self.detail else self.words.en

    @property
    def failed(self) -> bool:
        return self.reason not in WISHED

    @property
    def failure(self) -> Failure:
        """As sessions say it."""
        return Failure(self.words.ending, self.message, self.sip_status)

    @property
    def leg(self) -> Leg:
        """The step of the contract that failed."""
        return self.failure.leg


def why_ended(failure: Failure) -> Why:
    """What a session was ended with from outside, as a talk says it."""
    found = {
        EndReason.DEVICE_OFFLINE: Reason.DEVICE_OFFLINE,
        EndReason.SHUTDOWN: Reason.SHUTDOWN,
        EndReason.STOPPED: Reason.STOPPED,
    }.get(failure.reason, Reason.FAULT)
    return Why(found, "" if found in WISHED else failure.message)
