"""What simulated devices write: bytes of SIP and MANSCDP, as little work for each as possible.

Sizes are those of real cameras: about 550 bytes for a Keepalive, 620 for a REGISTER with
credentials. What never changes for a device is formatted once.
"""

from __future__ import annotations

import hashlib
import re

SERVER_ID = "64010000002000000001"
DOMAIN = "6401000000"
PASSWORD = "nx-device-pass"

_NONCE = re.compile(rb'nonce="([^"]*)"')
_REALM = re.compile(rb'realm="([^"]*)"')
_XML = {
    name: re.compile(rb"<%b>\s*([^<\s]+)\s*</%b>" % (name, name)) for name in (b"CmdType", b"SN")
}
_CNONCE = b"0a4f113b"
_URI = f"sip:{SERVER_ID}@{DOMAIN}".encode()
_ACTION = hashlib.md5(b"REGISTER:" + _URI, usedforsecurity=False).hexdigest().encode()


def device_id(number: int) -> str:
    """Devices spread over the five cities."""
    return f"640{number % 5 + 1}0200001320{number:06d}"


def channel_id(number: int, channel: int, per_device: int) -> str:
    return f"640{number % 5 + 1}020000131{number * per_device + channel:07d}"


class Lines:
    """The texts of one device."""

    def __init__(self, number: int, port: int, channels: int) -> None:
        self.device_id = device_id(number)
        self.number = number
        self.channels = channels
        self.cseq = 0
        self.sn = 0
        me = self.device_id.encode()
        self._me, self._port = me, port
        self._via = b"Via: SIP/2.0/UDP 127.0.0.1:%d;rport;branch=z9hG4bK" % port
        self._from = b"\r\nFrom: <sip:%b@%b>;tag=" % (me, DOMAIN.encode())
        self._to = b"\r\nTo: <sip:%b@%b>\r\nCall-ID: " % (SERVER_ID.encode(), DOMAIN.encode())
        self._self = b"\r\nTo: <sip:%b@%b>\r\nCall-ID: " % (me, DOMAIN.encode())
        self._register_id = b"reg%08x@127.0.0.1" % number
        self._secret = b""
        self._realm = b""

    def register(self, branch: int, expires: int, challenge: bytes = b"") -> bytes:
        """A REGISTER; with the 401 it answers, credentials are added."""
        self.cseq += 1
        credentials = self._credentials(challenge) if challenge else b""
        return b"".join((
            b"REGISTER ", _URI, b" SIP/2.0\r\n", self._via, b"%d" % branch,
            self._from, b"r%08x" % self.number, self._self, self._register_id,
            b"\r\nCSeq: %d REGISTER\r\nContact: <sip:%b@127.0.0.1:%d>\r\n" % (
                self.cseq, self._me, self._port),
            b"Max-Forwards: 70\r\nUser-Agent: NxCam V5.6.0 build 200101\r\n",
            b"Expires: %d\r\n" % expires, credentials, b"Content-Length: 0\r\n\r\n",
        ))  # fmt: skip

    def _credentials(self, challenge: bytes) -> bytes:
        nonce, realm = _NONCE.search(challenge), _REALM.search(challenge)
        # The bare echo server challenges nobody; the work of answering is done all the same.
        value = nonce.group(1) if nonce else b"0" * 60
        name = realm.group(1) if realm else DOMAIN.encode()
        if name != self._realm:
            self._realm = name
            text = b"%b:%b:%b" % (self._me, name, PASSWORD.encode())
            self._secret = hashlib.md5(text, usedforsecurity=False).hexdigest().encode()
        text = b"%b:%b:00000001:%b:auth:%b" % (self._secret, value, _CNONCE, _ACTION)
        response = hashlib.md5(text, usedforsecurity=False).hexdigest().encode()
        return (
            b'Authorization: Digest username="%b", realm="%b", nonce="%b", uri="%b", '
            b'response="%b", algorithm=MD5, cnonce="%b", qop=auth, nc=00000001\r\n'
        ) % (self._me, name, value, _URI, response, _CNONCE)

    def message(self, branch: int, body: bytes) -> bytes:
        self.cseq += 1
        return b"".join((
            b"MESSAGE ", _URI, b" SIP/2.0\r\n", self._via, b"%d" % branch,
            self._from, b"%08x" % branch, self._to, b"%d%08x@127.0.0.1" % (branch, self.number),
            b"\r\nCSeq: %d MESSAGE\r\nContent-Type: Application/MANSCDP+xml\r\n" % self.cseq,
            b"Max-Forwards: 70\r\nUser-Agent: NxCam V5.6.0 build 200101\r\n",
            b"Content-Length: %d\r\n\r\n" % len(body), body,
        ))  # fmt: skip

    def keepalive(self, branch: int) -> bytes:
        self.sn += 1
        return self.message(
            branch,
            b'<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>'
            b"\r\n<SN>%d</SN>\r\n<DeviceID>%b</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
            % (self.sn, self._me),
        )

    def device_info(self, sn: bytes) -> bytes:
        return (
            b'<?xml version="1.0" encoding="GB2312"?>\r\n<Response>\r\n<CmdType>DeviceInfo'
            b"</CmdType>\r\n<SN>%b</SN>\r\n<DeviceID>%b</DeviceID>\r\n<Result>OK</Result>\r\n"
            b"<DeviceName>%b</DeviceName>\r\n<Manufacturer>NxCam</Manufacturer>\r\n"
            b"<Model>NX-2</Model>\r\n<Firmware>V5.6.0 build 200101</Firmware>\r\n"
            b"<Channel>%d</Channel>\r\n</Response>\r\n"
        ) % (sn, self._me, f"设备{self.number}".encode("gb18030"), self.channels)

    def catalog_page(self, sn: bytes, first: int, last: int) -> bytes:
        """Channels `first` to `last`, the last not included."""
        items = b"".join(self._item(channel) for channel in range(first, last))
        return (
            b'<?xml version="1.0" encoding="GB2312"?>\r\n<Response>\r\n<CmdType>Catalog</CmdType>'
            b"\r\n<SN>%b</SN>\r\n<DeviceID>%b</DeviceID>\r\n<SumNum>%d</SumNum>\r\n"
            b'<DeviceList Num="%d">\r\n%b</DeviceList>\r\n</Response>\r\n'
        ) % (sn, self._me, self.channels, last - first, items)

    def _item(self, channel: int) -> bytes:
        code = channel_id(self.number, channel, self.channels).encode()
        name = f"金凤区正源北街路口{self.number}号{channel}".encode("gb18030")
        return (
            b"<Item>\r\n<DeviceID>%b</DeviceID>\r\n<Name>%b</Name>\r\n"
            b"<Manufacturer>NxCam</Manufacturer>\r\n<Model>NX-2</Model>\r\n<Owner>Owner</Owner>\r\n"
            b"<CivilCode>%b</CivilCode>\r\n<Address>%b</Address>\r\n<Parental>0</Parental>\r\n"
            b"<ParentID>%b</ParentID>\r\n<SafetyWay>0</SafetyWay>\r\n<RegisterWay>1</RegisterWay>"
            b"\r\n<Secrecy>0</Secrecy>\r\n<Status>ON</Status>\r\n<Longitude>106.2%05d</Longitude>"
            b"\r\n<Latitude>38.4%05d</Latitude>\r\n<Info>\r\n<PTZType>3</PTZType>\r\n</Info>\r\n"
            b"</Item>\r\n"
        ) % (code, name, code[:6], name, self._me, channel % 100000, channel % 100000)


def answer(request: bytes, tag: bytes, extra: bytes = b"", body: bytes = b"") -> bytes:
    """200 for a request of the platform: the headers it must repeat, as they came."""
    lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    kept = []
    for line in lines:
        name = line[:8].lower()
        if name.startswith((b"via:", b"from:", b"call-id:", b"cseq:", b"record-r")):
            kept.append(line)
        elif name.startswith(b"to:"):
            kept.append(line if b";tag=" in line else line + b";tag=" + tag)
    return b"SIP/2.0 200 OK\r\n%b\r\n%bContent-Length: %d\r\n\r\n%b" % (
        b"\r\n".join(kept), extra, len(body), body)  # fmt: skip


def element(name: bytes, message: bytes) -> bytes:
    """The text of CmdType or SN."""
    found = _XML[name].search(message)
    return found.group(1) if found else b""
