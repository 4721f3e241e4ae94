"""A recording that is shown, whatever is done to it; and files whose bytes are not ours."""

from __future__ import annotations

import contextlib
import math

from hypothesis import given
from hypothesis import strategies as st

from media.errors import StreamFormatError
from media.record import projector as p
from media.record.cutter import Cutter
from media.record.projector import Strip
from media.record.unpack import Unpacker, read_head
from media.unit import CLOCK_HZ
from tests.unit.media.media_files import files_of
from tests.unit.media.projecting import OTHER, SOUND, START, VIDEO, Stage, file_of
from tests.unit.media.samples import aac, pictures

speeds = st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 4.0, 7.7, 8.0])


@st.composite
def recordings(draw: st.DrawFn) -> list[list[Strip]]:
    """Files that follow each other, with and without gaps, of several formats."""
    files, starts = [], START
    for number in range(draw(st.integers(1, 4))):
        seconds = draw(st.integers(1, 5))
        video = draw(st.sampled_from([VIDEO, VIDEO, OTHER]))
        sound = draw(st.sampled_from([SOUND, SOUND, None]))
        files.append(file_of(f"f{number}", starts, seconds, video=video, sound=sound))
        starts += seconds + draw(st.sampled_from([0.0, 0.0, 0.3, 3600.0]))
    return files


changes = st.lists(
    st.tuples(
        st.floats(0.0, 3.0),
        st.one_of(
            speeds.map(p.Run),
            st.just(p.Pause()),
            st.just(p.Resume()),
            st.booleans().map(p.Watched),
            st.just(p.Tick()),
        ),
    ),
    max_size=8,
)


@given(recordings(), speeds, changes, st.floats(0.0, 0.4))
def test_every_picture_comes_once_and_in_order(
    files: list[list[Strip]],
    speed: float,
    done: list[tuple[float, p.Input]],
    delay: float,
) -> None:
    stage = Stage(*files, delay=delay)
    stage.look()
    stage.tell(p.Run(speed))
    for seconds, event in done:
        stage.run(seconds)
        stage.tell(event)
    stage.look()
    stage.tell(p.Resume())
    stage.run(200)
    assert stage.finished
    wanted = [
        unit.data.decode().rstrip(".")
        for file in files
        for strip in file
        for unit in strip.part.units
        if unit.video
    ]
    assert stage.names == wanted
    stage.check()


@given(recordings(), st.floats(0.0, 0.4))
def test_at_its_own_speed_the_sound_comes_too(files: list[list[Strip]], delay: float) -> None:
    stage = Stage(*files, delay=delay)
    stage.look()
    stage.run(100)
    shown = sorted(unit.data for unit in stage.units)
    assert shown == sorted(u.data for file in files for strip in file for u in strip.part.units)
    stage.check()


@given(
    recordings(),
    st.lists(st.tuples(st.floats(0.0, 2.0), st.floats(0.0, 30.0), speeds), min_size=1, max_size=6),
)
def test_wherever_it_goes_the_stream_goes_on(
    files: list[list[Strip]], jumps: list[tuple[float, float, float]]
) -> None:
    stage = Stage(*files)
    stage.look()
    for seconds, place, speed in jumps:
        stage.run(seconds)
        if stage.finished:
            break
        stage.tell(p.Seek(START + place))
        stage.tell(p.Run(speed))
    stage.run(200)
    assert stage.finished
    stage.check()
    last = max((unit.dts for unit in stage.units), default=0)
    assert last / CLOCK_HZ <= stage.now - 100 + 1
    assert math.isfinite(stage.projector.position)


VIDEO_REAL, PICTURES = pictures(count=50)
SOUND_REAL, FRAMES = aac(2.0)


def real_file() -> bytes:
    cutter = Cutter(60)
    outs = cutter.set_format(VIDEO_REAL, SOUND_REAL, START)
    for unit in sorted((*PICTURES, *FRAMES), key=lambda one: (one.dts, not one.video)):
        outs += cutter.push(unit, START + unit.dts / CLOCK_HZ)
    (file,) = files_of([*outs, *cutter.close(START + 3)])
    return file.data


FILE = real_file()
places = st.one_of(st.integers(0, 2000), st.integers(0, len(FILE) - 1))


@given(
    st.lists(st.tuples(places, st.binary(min_size=1, max_size=8))),
    st.integers(0, len(FILE)),
    st.integers(1, 5000),
)
def test_a_damaged_file_gives_units_or_a_documented_error(
    damages: list[tuple[int, bytes]], cut: int, step: int
) -> None:
    data = bytearray(FILE)
    for at, junk in damages:
        data[at : at + len(junk)] = junk
    del data[cut:]
    with contextlib.suppress(StreamFormatError):
        read_head(bytes(data))
    unpacker = Unpacker()
    for at in range(0, len(data), step):
        unpacker.feed(bytes(data[at : at + step]))
