"""Addresses and transports of RTSP: nothing leads to another host or a privileged port."""

from __future__ import annotations

from media.rtsp.address import LOWEST_PORT, read_address, read_transport, track_address

PEER = "192.0.2.7"


def seeds() -> list[bytes]:
    return [
        b"rtsp://h:554/live/34020000001320000001/trackID=1?stream=sub&ticket=x",
        b"rtsp://h/play/a-b_c.d?ticket=x/trackID=0",
        b"RTP/AVP/TCP;unicast;interleaved=0-1",
        b"RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP",
        b'RTP/AVP;multicast;destination=224.0.0.1;mode="PLAY"',
    ]


def check(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for uri in (text, f"rtsp://h/live/{text}", f"rtsp://h/live/1?{text}"):
        found = read_address(uri)
        if found is not None:
            assert found.stream in ("main", "sub")
            assert "/" not in found.name
        track_address(uri, 1)
    for header in (text, f"RTP/AVP;client_port={text}", f"RTP/AVP/TCP;interleaved={text}"):
        wanted = read_transport(header, PEER)
        if wanted is None:
            continue
        ports = [number for number in (wanted.first, wanted.second) if number is not None]
        most = 255 if wanted.tcp else 65_535
        assert all((0 if wanted.tcp else LOWEST_PORT) <= port <= most for port in ports)
