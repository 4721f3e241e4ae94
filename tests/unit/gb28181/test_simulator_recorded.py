"""Parts of simulated recordings without sockets: files, order of pictures, MANSRTSP, routes."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.simulator import rtsp
from gb28181.simulator.archive import Archive, Recorded
from gb28181.simulator.dome import HIGHEST, LOWEST, MOST_ZOOM, Dome, Position
from gb28181.simulator.plan import PlanOptions, make_plan
from gb28181.simulator.reel import Reel, frame_number
from gb28181.simulator.route import RADIUS_M, SPEED_KMH, place

MIDNIGHT = 1_795_190_400  # 2026-11-21 00:00:00 in Beijing
HOUR = 3600
GROUP = 50


def test_the_midnight_of_the_test_is_one() -> None:
    assert (MIDNIGHT + 8 * HOUR) % 86_400 == 0
    assert frame_number(MIDNIGHT * 25) == 0


# --- files ------------------------------------------------------------------------------------


def test_a_day_is_24_files_with_a_hole_at_three() -> None:
    files = Archive().files(MIDNIGHT, MIDNIGHT + 24 * HOUR, MIDNIGHT + 48 * HOUR)
    assert len(files) == 24
    assert (files[0].start, files[-1].end) == (MIDNIGHT, MIDNIGHT + 24 * HOUR)
    holes = [(one.end, two.start) for one, two in itertools.pairwise(files) if one.end != two.start]
    assert holes == [(MIDNIGHT + 3 * HOUR, MIDNIGHT + 3 * HOUR + 600)]
    assert [number for number, one in enumerate(files) if one.type == "alarm"] == [5, 11, 17, 23]


def test_what_is_asked_bounds_what_is_found() -> None:
    archive, now = Archive(), float(MIDNIGHT + 48 * HOUR)
    inside = archive.files(MIDNIGHT + 10, MIDNIGHT + 20, now)
    assert inside == [Recorded(MIDNIGHT, MIDNIGHT + HOUR, "time")]
    assert archive.files(MIDNIGHT - 30 * 86_400, MIDNIGHT - 29 * 86_400, now) == []
    assert archive.files(now + 10, now + 20, now) == []
    assert archive.files(now - 100, now + 20, now)[-1].end == int(now)
    stretches = archive.stretches(MIDNIGHT + 2 * HOUR, MIDNIGHT + 4 * HOUR, now)
    assert stretches == [
        (MIDNIGHT + 2 * HOUR, MIDNIGHT + 3 * HOUR),
        (MIDNIGHT + 3 * HOUR + 600, MIDNIGHT + 4 * HOUR),
    ]


def test_a_recording_by_hand_grows_until_it_ends() -> None:
    archive = Archive()
    archive.record(True, MIDNIGHT + 100)
    assert archive.is_recording
    archive.record(True, MIDNIGHT + 150)
    (growing,) = archive.files(MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + 200, "manual")
    assert growing == Recorded(MIDNIGHT + 100, MIDNIGHT + 200, "manual")
    archive.record(False, MIDNIGHT + 300)
    (kept,) = archive.files(MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + 900, "manual")
    assert kept.end == MIDNIGHT + 300
    archive.record(False, MIDNIGHT + 400)
    assert not archive.is_recording


# --- the order of pictures --------------------------------------------------------------------


def pictures(reel: Reel, count: int) -> list[int]:
    """The next numbers, counted from midnight."""
    found = []
    for _ in range(count):
        number = reel.next()
        if number is None:
            break
        found.append(number - MIDNIGHT * 25)
    return found


def test_forwards_from_the_key_frame_before_to_the_end_over_a_hole() -> None:
    reel = Reel([(MIDNIGHT, MIDNIGHT + 4), (MIDNIGHT + 10, MIDNIGHT + 12)], MIDNIGHT + 3)
    assert pictures(reel, 1000) == [*range(50, 100), *range(250, 300)]
    assert reel.next() is None


def test_fast_is_key_frames_and_slow_is_all_of_them() -> None:
    reel = Reel([(MIDNIGHT, MIDNIGHT + 60)], MIDNIGHT)
    reel.run(4.0)
    assert pictures(reel, 3) == [0, 50, 100]
    assert reel.period == pytest.approx(0.5)
    reel.run(0.5)
    assert pictures(reel, 3) == [150, 151, 152]
    assert reel.period == pytest.approx(0.08)


def test_backwards_groups_in_reverse_and_pictures_forwards_over_a_hole_to_the_beginning() -> None:
    reel = Reel([(MIDNIGHT, MIDNIGHT + 4), (MIDNIGHT + 10, MIDNIGHT + 14)], MIDNIGHT + 12)
    reel.run(-1.0)
    assert pictures(reel, 1000) == [
        *range(300, 350),
        *range(250, 300),
        *range(50, 100),
        *range(0, 50),
    ]
    assert reel.next() is None
    reel.seek(MIDNIGHT + 2)
    reel.run(-8.0)
    assert pictures(reel, 10) == [50, 0]


def test_a_recording_that_ends_inside_a_group_is_cut_there() -> None:
    reel = Reel([(MIDNIGHT, MIDNIGHT + 3)], MIDNIGHT + 3)
    reel.run(-1.0)
    assert pictures(reel, 1000) == [*range(50, 75), *range(0, 50)]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40)), min_size=1, max_size=4),
    st.lists(
        st.one_of(
            st.tuples(st.just("run"), st.sampled_from([0.25, 1.0, 2.0, 4.0, 8.0, -1.0, -4.0])),
            st.tuples(st.just("seek"), st.floats(0, 300)),
            st.tuples(st.just("next"), st.floats(1, 60)),
        ),
        max_size=12,
    ),
)
def test_whatever_is_asked_only_recorded_pictures_are_sent(
    parts: list[tuple[int, int]], orders: list[tuple[str, float]]
) -> None:
    stretches, at = [], MIDNIGHT
    for gap, length in parts:
        at += gap
        stretches.append((at, at + length))
        at += length
    reel = Reel(stretches, MIDNIGHT)
    allowed = [(low // 2 * 2 * 25, high * 25) for low, high in stretches]
    for order, value in orders:
        if order == "run":
            reel.run(value)
        elif order == "seek":
            reel.seek(MIDNIGHT + value)
        else:
            for _ in range(int(value)):
                number = reel.next()
                if number is not None:
                    assert any(low <= number < high for low, high in allowed)
        assert reel.period > 0


# --- MANSRTSP ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: -1.0\r\n\r\n", rtsp.Order("PLAY", "3", -1.0)),
        ("PLAY MANSRTSP/1.0\nCSeq:3\nRange: npt=100-\n\n", rtsp.Order("PLAY", "3", None, 100.0)),
        ("PLAY RTSP/1.0\r\nRange: npt=now-\r\n\r\n", rtsp.Order("PLAY")),
        ("pause RTSP/1.0\r\nPauseTime: now\r\n", rtsp.Order("PAUSE")),
        ("TEARDOWN RTSP/1.0\r\n\r\n", rtsp.Order("TEARDOWN")),
        ("OPTIONS * RTSP/1.0\r\n\r\n", None),
        ("", None),
    ],
)
def test_orders(text: str, expected: rtsp.Order | None) -> None:
    assert rtsp.read(text.encode()) == expected


@given(st.binary(max_size=300))
def test_any_bytes_are_an_order_or_none(data: bytes) -> None:
    found = rtsp.read(data)
    assert found is None or found.method in ("PLAY", "PAUSE", "TEARDOWN")


def test_answers() -> None:
    body = rtsp.write(200, "4", [("Scale", "2.0")])
    assert body == b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nScale: 2.0\r\n\r\n"


# --- the lens ---------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["left", "right", "up", "down", "in", "out", "stop", "go", "cruise"]),
            st.floats(0, 100),
        ),
        max_size=20,
    )
)
def test_the_lens_stays_within_its_bounds(orders: list[tuple[str, float]]) -> None:
    from gb28181.manscdp.ptz import Cruise, CruiseDo, Move

    moves = {
        "left": Move(pan=-1, pan_speed=255),
        "right": Move(pan=1, pan_speed=90),
        "up": Move(tilt=1, tilt_speed=255),
        "down": Move(tilt=-1, tilt_speed=255),
        "in": Move(zoom=1, zoom_speed=15),
        "out": Move(zoom=-1, zoom_speed=15),
        "stop": Move(),
    }
    dome, now = Dome(0.0), 0.0
    dome.presets[2] = ("b", Position(359.0, 80.0, 20.0))
    for point in (1, 2):
        dome.cruise(Cruise(CruiseDo.ADD, 1, point), "", now)
    for order, pause in orders:
        if order == "go":
            dome.go(Position(350.0, 45.0, 9.0), now)
        elif order == "cruise":
            dome.cruise(Cruise(CruiseDo.START, 1), "", now)
        else:
            dome.move(moves[order], now)
        now += pause
        at = dome.at(now)
        assert 0 <= at.pan < 360
        assert HIGHEST <= at.tilt <= LOWEST
        assert 1 <= at.zoom <= MOST_ZOOM
    dome.move(Move(), now)
    assert dome.at(now) == dome.at(now + 1000)


def test_the_short_way_leads_over_north() -> None:
    dome = Dome(0.0)
    dome.go(Position(350.0, 0.0, 1.0), 0.0)
    assert 350.0 < dome.at(0.05).pan < 360.0
    assert dome.at(10.0).pan == 350.0


# --- vehicles ---------------------------------------------------------------------------------


def test_a_vehicle_drives_round_its_place_at_its_speed() -> None:
    channel = make_plan(PlanOptions(1, recorders=0))[0].channels[0]
    one, two = place(channel, True, 1000.0), place(channel, True, 1001.0)
    metres = math.hypot(
        (two.latitude - one.latitude) * 111_320,
        (two.longitude - one.longitude) * 111_320 * math.cos(math.radians(channel.latitude)),
    )
    assert metres == pytest.approx(SPEED_KMH / 3.6, rel=0.05)
    assert abs(one.latitude - channel.latitude) * 111_320 <= RADIUS_M + 1
    assert 0 <= one.direction < 360
    east = math.degrees(math.atan2(two.longitude - one.longitude, two.latitude - one.latitude))
    assert abs((one.direction - east + 180) % 360 - 180) < 15
    still = place(channel, False, 1000.0)
    assert (still.longitude, still.latitude, still.speed_kmh) == (
        channel.longitude,
        channel.latitude,
        0.0,
    )
