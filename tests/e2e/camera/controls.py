"""What a camera says when it is asked or commanded, as literal text; and what it was told.

Set it as `camera.on_message`. Bodies of answers stand here whole (GB/T 28181-2022 A.2.6), written
apart from the product. A test may replace any of them, or take one away to make the camera silent.
"""

from __future__ import annotations

import re
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Callable

from . import bodies
from .camera import Camera
from .text import Msg

HEAD = """<?xml version="1.0"{label}?>
<Response>
<CmdType>{command}</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
"""

ANSWERS: dict[str, str] = {
    "DeviceStatus": """<Result>OK</Result>
<Online>ONLINE</Online>
<Status>OK</Status>
<Encode>ON</Encode>
<Record>OFF</Record>
<DeviceTime>2026-11-22T16:48:40</DeviceTime>
<Alarmstatus Num="1">
<Item>
<DeviceID>64010400001340000001</DeviceID>
<DutyStatus>ONDUTY</DutyStatus>
</Item>
</Alarmstatus>
""",
    "PresetQuery": """<PresetList Num="2">
<Item>
<PresetID>1</PresetID>
<PresetName>大门</PresetName>
</Item>
<Item>
<PresetID>3</PresetID>
<PresetName>路口东</PresetName>
</Item>
</PresetList>
""",
    "HomePositionQuery": """<HomePosition>
<Enabled>1</Enabled>
<ResetTime>60</ResetTime>
<PresetIndex>3</PresetIndex>
</HomePosition>
""",
    "CruiseTrackListQuery": """<SumNum>2</SumNum>
<CruiseTrackList Num="2">
<CruiseTrack>
<Number>0</Number>
<Name>早高峰</Name>
</CruiseTrack>
<CruiseTrack>
<Number>1</Number>
<Name>夜间</Name>
</CruiseTrack>
</CruiseTrackList>
""",
    "CruiseTrackQuery": """<Number>0</Number>
<Name>早高峰</Name>
<SumNum>3</SumNum>
<CruisePointList Num="3">
<CruisePoint>
<PresetIndex>3</PresetIndex>
<StayTime>10</StayTime>
<Speed>8</Speed>
</CruisePoint>
<CruisePoint>
<PresetIndex>4</PresetIndex>
<StayTime>10</StayTime>
<Speed>8</Speed>
</CruisePoint>
<CruisePoint>
<PresetIndex>3</PresetIndex>
<StayTime>10</StayTime>
<Speed>8</Speed>
</CruisePoint>
</CruisePointList>
""",
    "PTZPosition": """<PTZPosInfo>
<Pan>123.50</Pan>
<Tilt>12.00</Tilt>
<Zoom>4.00</Zoom>
</PTZPosInfo>
<MaxViewDistance>150.0</MaxViewDistance>
""",
    "SDCardStatus": """<SumNum>1</SumNum>
<SDCardStatusInfo Num="1">
<Item>
<ID>1</ID>
<HddName>sd1</HddName>
<Status>formatting</Status>
<FormatProgress>40</FormatProgress>
<Capacity>122070</Capacity>
<FreeSpace>40211</FreeSpace>
</Item>
</SDCardStatusInfo>
""",
    "ConfigDownload": "<Result>OK</Result>\n{blocks}",
    "DeviceConfig": "<Result>OK</Result>\n",
    "DeviceControl": "<Result>OK</Result>\n",
}

BLOCKS: dict[str, str] = {
    "BasicParam": """<BasicParam>
<Name>新华街枪机</Name>
<DeviceID>64010400001320000011</DeviceID>
<SIPServerID>64010000002000000001</SIPServerID>
<SIPServerIP>192.0.2.10</SIPServerIP>
<SIPServerPort>5060</SIPServerPort>
<DomainName>6401000000</DomainName>
<Expiration>3600</Expiration>
<Password>clear-text-secret</Password>
<HeartBeatInterval>60</HeartBeatInterval>
<HeartBeatCount>3</HeartBeatCount>
</BasicParam>
""",
    "VideoParamOpt": """<VideoParamOpt>
<DownloadSpeed>1/2/4</DownloadSpeed>
<Resolution>5/6</Resolution>
</VideoParamOpt>
""",
    "VideoAlarmRecord": """<VideoAlarmRecord>
<RecordEnable>1</RecordEnable>
<RecordTime>30</RecordTime>
<PreRecordTime>5</PreRecordTime>
<StreamNumber>0</StreamNumber>
</VideoAlarmRecord>
""",
    "OSDConfig": """<OSDConfig>
<Length>1920</Length>
<Width>1080</Width>
<TimeX>10</TimeX>
<TimeY>20</TimeY>
<TimeEnable>1</TimeEnable>
<SumNum>1</SumNum>
<Item>
<Text>东门</Text>
<X>100</X>
<Y>200</Y>
</Item>
</OSDConfig>
""",
    "FrameMirror": "<FrameMirror>1</FrameMirror>\n",
}

FINISHED = """<?xml version="1.0"{label}?>
<Notify>
<CmdType>UploadSnapShotFinished</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<SessionID>{session}</SessionID>
<SnapShotList>
{files}
</SnapShotList>
</Notify>
"""

UPGRADED = """<?xml version="1.0"{label}?>
<Notify>
<CmdType>DeviceUpgradeResult</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<SessionID>{session}</SessionID>
<UpgradeResult>{result}</UpgradeResult>
<Firmware>{firmware}</Firmware>
<UpgradeFailedReason>{reason}</UpgradeFailedReason>
</Notify>
"""

ANSWERED = ("RecordCmd", "GuardCmd", "AlarmCmd", "HomePosition", "DeviceUpgrade")


class Controls:
    """The commanded side of a camera; `camera.on_message = Controls(camera)`."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self.answers = dict(ANSWERS)
        self.blocks = dict(BLOCKS)
        self.told: list[Msg] = []
        """Every Control it got, in order."""
        self.asked: list[Msg] = []
        self.block_per_message = False
        self.sn_of: Callable[[str], str] = lambda sn: sn
        self.brings: Callable[[str, int], list[tuple[str, bytes]]] | None = None
        """URL and count to (file id, JPEG) the camera brings when told SnapShotConfig."""
        self.how = "raw"
        """`raw`, `put` or `multipart`."""
        self.brought: list[int] = []
        """HTTP statuses of what it brought."""

    def note(self, message: Msg) -> None:
        """Write down what came, before its 200 leaves: whoever has the 200 may look here."""
        if "<Control>" in message.text:
            self.told.append(message)
        elif "<Query>" in message.text and message.xml("CmdType") in ANSWERS:
            self.asked.append(message)

    def __call__(self, message: Msg) -> bool:
        if "<Control>" in message.text:
            self._controlled(message)
            return True
        command = message.xml("CmdType")
        if "<Query>" in message.text and command in ANSWERS:
            self._answer(message, command)
            return True
        return False

    @property
    def ptz(self) -> list[str]:
        """Every PTZCmd it got."""
        return [hexa for message in self.told if (hexa := message.xml("PTZCmd"))]

    @property
    def last(self) -> str:
        """The body of the last command, lines joined."""
        return "".join(self.told[-1].text.split("\r\n"))

    def say(self, template: str, **values: object) -> None:
        """Send a message nobody asked for."""
        self._camera.post(self._fill(template, **values))

    # -- answering -------------------------------------------------------------------------

    def _controlled(self, message: Msg) -> None:
        command = message.xml("CmdType")
        if command == "DeviceConfig":
            self._answer(message, command)
            if "<SnapShotConfig>" in message.text and self.brings is not None:
                threading.Thread(target=self._bring, args=(message,), daemon=True).start()
        elif any(f"<{name}>" in message.text for name in ANSWERED):
            self._answer(message, command)

    def _answer(self, message: Msg, command: str) -> None:
        answer = self.answers.get(command)
        if answer is None:
            return
        for text in self._texts(message, command, answer):
            body = self._fill(
                HEAD + text + "</Response>\n",
                command=command,
                sn=self.sn_of(message.xml("SN")),
                device_id=message.xml("DeviceID"),
            )
            self._camera.post(body)

    def _texts(self, message: Msg, command: str, answer: str) -> list[str]:
        if command != "ConfigDownload":
            return [answer]
        found = [self.blocks.get(name, "") for name in message.xml("ConfigType").split("/")]
        if self.block_per_message:
            return [answer.replace("{blocks}", block) for block in found if block]
        return [answer.replace("{blocks}", "".join(found))]

    def _fill(self, template: str, **values: object) -> bytes:
        camera = self._camera
        values.setdefault("device_id", camera.device_id)
        values.setdefault("sn", 77)
        return bodies.fill(template, camera.charset, camera.label, **values)

    # -- pictures --------------------------------------------------------------------------

    def _bring(self, message: Msg) -> None:
        assert self.brings is not None
        url, count = message.xml("UploadURL"), int(message.xml("SnapNum"))
        files = self.brings(url, count)
        for file_id, data in files:
            self.brought.append(bring(url, file_id, data, self.how))
        names = "\n".join(f"<SnapShotFileID>{file_id}</SnapShotFileID>" for file_id, _ in files)
        self.say(FINISHED, session=message.xml("SessionID"), files=names)


def bring(url: str, file_id: str, data: bytes, how: str = "raw") -> int:
    """Upload one picture as devices do; the HTTP status."""
    headers = {"Content-Type": "image/jpeg"}
    if how == "multipart":
        boundary = secrets.token_hex(12)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{file_id}.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        )
        data = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    elif how == "put":
        url = f"{url}/{file_id}.jpg"
    request = urllib.request.Request(url, data, headers, method="PUT" if how == "put" else "POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def squeeze(text: str) -> str:
    """XML without what stands between its elements."""
    return re.sub(r">\s+<", "><", text.strip())
