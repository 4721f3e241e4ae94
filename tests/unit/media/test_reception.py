"""Jitter and receiver reports, with a clock that only moves when told to."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from media.receive.jitter import Jitter
from media.rtp import rtcp
from media.rtp.reception import INTERVAL_S, Counts, Reception

SR = struct.pack(">BBHIQIII", 0x80, 200, 6, 7, 0x0123_4567_89AB_CDEF, 1, 2, 3)


def counts(sequence: int, packets: int, lost: int = 0, *, late: int = 0, ssrc: int = 7) -> Counts:
    return Counts(ssrc, sequence & 0xFFFF, packets, lost, late, 0, 0)


def block(report: bytes) -> rtcp.Report:
    (found,) = rtcp.read(report)
    assert isinstance(found, rtcp.Report)
    return found


def highest(report: bytes) -> int:
    return int.from_bytes(report[16:20], "big")


def test_frames_that_come_as_they_were_sent_have_no_jitter() -> None:
    jitter = Jitter()
    for number in range(50):
        jitter.take(number * 3600, number / 25)
    assert jitter.ticks == pytest.approx(0, abs=1e-3)


def test_jitter_is_the_mean_deviation_of_the_steps() -> None:
    jitter = Jitter()
    for number in range(400):
        jitter.take(number * 3600 & 0xFFFFFFFF, number / 25 + (0.005 if number % 2 else 0.0))
    assert jitter.ms == pytest.approx(5.0, rel=0.01)


def test_a_timestamp_that_wraps_or_jumps_is_no_jitter() -> None:
    jitter = Jitter()
    start = 0xFFFFFFFF - 3600 * 5
    for number in range(20):
        jitter.take((start + number * 3600) & 0xFFFFFFFF, number / 25)
    jitter.take(0x70000000, 0.8)
    jitter.take(0x70000000 + 3600, 0.84)
    assert jitter.ms < 1


def test_the_packets_of_one_frame_count_once() -> None:
    jitter = Jitter()
    jitter.take(0, 0.0)
    jitter.take(0, 5.0)
    assert jitter.ticks == 0


def test_what_was_lost_since_the_last_report() -> None:
    reception = Reception()
    reception.report(counts(99, 100), 1, b"me", 0.0)
    report = block(reception.report(counts(199, 175, lost=25), 1, b"me", 5.0))
    assert report.fraction_lost == 0.25
    assert report.lost == 25
    again = block(reception.report(counts(299, 275, lost=25), 1, b"me", 10.0))
    assert (again.fraction_lost, again.lost) == (0.0, 25)


def test_what_came_late_was_not_lost() -> None:
    reception = Reception()
    reception.report(counts(99, 100), 1, b"me", 0.0)
    report = block(reception.report(counts(199, 200, lost=10, late=10), 1, b"me", 5.0))
    assert (report.fraction_lost, report.lost) == (0.0, 0)


@pytest.mark.parametrize("packets", [100, 70_000, 65_536, 200_000])
def test_sequence_numbers_go_on_behind_sixteen_bits(packets: int) -> None:
    reception = Reception()
    reception.report(counts(65_500, 1), 1, b"me", 0.0)
    report = reception.report(counts(65_500 + packets, 1 + packets), 1, b"me", 5.0)
    assert highest(report) == 65_500 + packets


def test_another_sender_begins_anew() -> None:
    reception = Reception()
    reception.report(counts(99, 100, lost=50), 1, b"me", 0.0)
    report = reception.report(counts(7, 101, lost=50, ssrc=8), 1, b"me", 5.0)
    assert block(report).ssrc == 8
    assert (block(report).lost, highest(report)) == (0, 7)


def test_the_round_trip_is_measured_by_the_sender() -> None:
    reception = Reception()
    assert reception.hear(SR, 100.0)
    report = reception.report(counts(9, 10), 1, b"me", 101.5)
    assert struct.unpack_from(">II", report, 24) == (0x4567_89AB, 98_304)


def test_reports_are_due_every_five_seconds() -> None:
    reception = Reception()
    assert reception.due(1.0)
    reception.report(counts(9, 10), 1, b"me", 1.0)
    assert not reception.due(1.0 + INTERVAL_S - 0.01)
    assert reception.due(1.0 + INTERVAL_S)


@pytest.mark.parametrize("data", [b"", b"\x80", SR[:20], b"\x80\xc9\x00\x01abcd", b"\x00" * 64])
def test_what_is_no_sender_report_is_not_heard(data: bytes) -> None:
    reception = Reception()
    assert not reception.hear(data, 0.0)
    assert reception.heard == 0


def test_tshark_reads_a_report(tmp_path: Path) -> None:
    """As a judge of the layout that shares no code with it."""
    reception = Reception()
    reception.hear(SR, 100.0)
    reception.report(counts(99, 100), 0x2A, b"gb28181", 100.0)
    report = reception.report(counts(199, 175, lost=25), 0x2A, b"gb28181", 105.0)
    size = len(report) + 8
    head = struct.pack(">BBHHHBBHII", 0x45, 0, size + 20, 0, 0, 64, 17, 0, 0x7F000001, 0x7F000001)
    packet = head + struct.pack(">HHHH", 5005, 5005, size, 0) + report
    path = tmp_path / "report.pcap"
    path.write_bytes(
        struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
        + struct.pack("<IIII", 0, 0, len(packet), len(packet))
        + packet
    )
    names = ["rtcp.ssrc.identifier", "rtcp.ssrc.fraction", "rtcp.ssrc.cum_nr", "rtcp.ssrc.ext_high"]
    fields = [part for name in (*names, "rtcp.sdes.text") for part in ("-e", name)]
    done = subprocess.run(
        ["tshark", "-r", str(path), "-d", "udp.port==5005,rtcp", "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["0x00000007,0x0000002a", "64", "25", "199", "gb28181"]
