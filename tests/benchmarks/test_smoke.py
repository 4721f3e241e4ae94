"""The benchmarks run from end to end in a tiny size, so that they cannot rot unseen.

What they measure here means nothing; that the load gets through and is counted right does.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import PARTS, main
from tests.benchmarks.outputs import OUTPUTS
from tests.benchmarks.readers import FlvTags, HttpBody, Interleaved, Mp4Boxes, WebSocket
from tests.benchmarks.signalling import check
from tests.benchmarks.table import Row
from tests.e2e.server import ROOT

BUDGETS = {
    "Keepalive, whole product": 45,
    "REGISTER, two round trips, whole product": 130,
    "2 streams udp, 0 viewers each, per stream": 0.25,
    "2 streams tcp, 0 viewers each, per stream": 0.2,
    "2 streams udp, 1 viewers each, per stream": 0.4,
    "memory per stream of 2, udp": 1.0,
    "first picture at a waiting viewer, udp": 40,
    "1,000 channels in the tree, memory (in process)": 300,
}


SHOWN = ("storm", "catalog", "channels", "relay", "outputs", "bursts", "first-picture")
"""Not the others: they start the product again for the same loads."""


@pytest.mark.slow
@pytest.mark.e2e
def test_parts_in_tiny(tmp_path: Path) -> None:
    report = tmp_path / "rows.json"
    command = [sys.executable, "-m", "tests.benchmarks", *SHOWN, "--tiny", "--json", str(report)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    rows = json.loads(report.read_text())
    names = [row["work"] for row in rows]
    assert len(names) == len(set(names))
    for name, budget in BUDGETS.items():
        found = [row for row in rows if row["work"].startswith(name)]
        assert len(found) == 1, f"{name}: {names}"
        assert found[0]["budget"] == budget
    seen = [row for row in rows if "1 viewers each, per stream" in row["work"]]
    assert len(seen) == 2
    for output in OUTPUTS:
        assert any(f"1 viewers each by {output}," in name for name in names), output
    for row in seen:
        assert "gap" not in row["note"], row["note"]
        frames, pictures = row["note"].split()[0], row["note"].split(", ")[1].split()[0]
        assert float(pictures) == pytest.approx(float(frames), rel=0.3), row["note"]


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["keepalives"])
    assert ended.value.code == 2
    assert "no such part: keepalives" in capsys.readouterr().err
    assert "storm" in PARTS


def test_a_figure_whose_state_is_wrong_is_no_figure() -> None:
    with pytest.raises(RuntimeError, match="19 of 20"):
        check(False, "19 of 20 devices are online")


def test_a_row_compares_itself_with_budget_and_anchor() -> None:
    row = Row(work="w", measured=60, unit="us", budget=40, anchor=20)
    assert (row.ratio, row.times_anchor) == (1.5, 3.0)
    assert (Row(work="w", measured=60, unit="us").ratio) is None


def _tag(kind: int, time_ms: int) -> bytes:
    body = bytes((kind, 1, 0, 0, 0)) + b"\0\0\0\1\x65"
    head = b"\x09" + len(body).to_bytes(3, "big") + time_ms.to_bytes(3, "big") + bytes(4)
    return head + body + (len(body) + 11).to_bytes(4, "big")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(
    ("times", "faults"), [((0, 40, 80), {}), ((0, 40, 120), {"gap": 1}), ((0, 0, 40), {"gap": 1})]
)
def test_a_watcher_sees_what_is_missing(times: tuple[int, ...], faults: dict[str, int]) -> None:
    reader = HttpBody("url", FlvTags("url"))
    flv = b"FLV\x01\x01\0\0\0\x09\0\0\0\0"
    stream = b"HTTP/1.1 200 OK\r\n\r\n" + _chunk(flv + _tag(0x17, times[0]))
    stream += b"".join(_chunk(_tag(0x27, time_ms)) for time_ms in times[1:])
    for at in range(0, len(stream), 7):
        reader.feed(stream[at : at + 7])
    assert reader.pictures == 3
    assert dict(reader.faults) == faults


def test_a_watcher_wants_a_key_picture_first() -> None:
    reader = HttpBody("url", FlvTags("url"))
    reader.feed(b"HTTP/1.1 401 Unauthorized\r\n\r\n" + _chunk(b"FLV" + bytes(10) + _tag(0x27, 0)))
    assert set(reader.faults) == {
        "HTTP/1.1 401 Unauthorized",
        "begins without a key picture",
    }


def test_watchers_count_fragments_frames_and_markers() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        web = WebSocket("url", FlvTags("url"), ours)
        flv = b"FLV\x01\x01\0\0\0\x09\0\0\0\0" + _tag(0x17, 0)
        for piece in (b"\x82" + bytes([len(flv)]) + flv, b"\x89\x02hi", b"\x88\x00"):
            for octet in piece:
                web.feed(bytes([octet]))
        assert theirs.recv(64) == b"\x8a\x82\0\0\0\0hi"
    assert web.pictures == 1
    assert dict(web.faults) == {"closed by the server": 1}
    boxes = Mp4Boxes("url")
    for track in (1, 2, 1):
        traf = b"tfhd" + bytes(4) + track.to_bytes(4, "big")
        moof = (8 + len(traf)).to_bytes(4, "big") + b"moof" + traf
        for octet in moof + (1008).to_bytes(4, "big") + b"mdat" + bytes(1000):
            boxes.feed(bytes([octet]))
    assert boxes.pictures == 2
    rtp = Interleaved("url", b"$\0\0")
    for octet in b"\x04\x80\xe0ab" + b"$\x02\0\x04\x80\xe0ab" + b"$\0\0\x04\x80\x60ab":
        rtp.feed(bytes([octet]))
    assert rtp.pictures == 1
    assert not rtp.faults
