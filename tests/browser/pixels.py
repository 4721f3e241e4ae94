"""Reads the pictures a browser really shows: every frame of a <video>, by way of a canvas."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.e2e import block_code
from tests.e2e.block_code import Code
from tests.e2e.media_source import FPS, FRAMES

_EYE = """
window.eye = {
  pen: new OffscreenCanvas(BLOCKS * SIZE, SIZE).getContext('2d', { willReadFrequently: true }),

  // The frame on the screen: its media time in seconds, and the mean gray of each block's middle.
  look(video) {
    const width = BLOCKS * SIZE
    const frame = new VideoFrame(video)
    const time = frame.timestamp / 1e6
    this.pen.drawImage(frame, 0, 0, width, SIZE, 0, 0, width, SIZE)
    frame.close()
    const { data } = this.pen.getImageData(0, 0, width, SIZE)
    const points = [10, 16, 22]
    const means = Array.from({ length: BLOCKS }, (_, block) => {
      let sum = 0
      for (const y of points)
        for (const x of points) {
          const at = 4 * (y * width + block * SIZE + x)
          sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]
        }
      return Math.round(sum / 9)
    })
    return { time, means }
  },

  // What chromium says it presented and dropped, and what is in the pixels.
  watch(video, seconds) {
    return new Promise((resolve) => {
      const presented = []
      const pixels = []
      const dropped = () => video.getVideoPlaybackQuality().droppedVideoFrames
      const before = dropped()
      let jumps = 0
      const jump = () => jumps++
      video.addEventListener('seeking', jump)
      let end = 0
      // The counter of dropped frames comes a little later than the frames themselves.
      let late = 25
      const settle = () => {
        if (late-- > 0) video.requestVideoFrameCallback(settle)
        else {
          video.removeEventListener('seeking', jump)
          resolve({ presented, pixels, dropped: dropped() - before, jumps })
        }
      }
      const see = (now, { presentedFrames, mediaTime }) => {
        end ||= now + seconds * 1000
        presented.push([presentedFrames, mediaTime])
        pixels.push(this.look(video))
        video.requestVideoFrameCallback(now >= end ? settle : see)
      }
      video.requestVideoFrameCallback(see)
    })
  },
}
""".replace("BLOCKS", str(block_code.BLOCKS)).replace("SIZE", str(block_code.BLOCK))

_VIDEO = "document.querySelector('video')"


@dataclass(frozen=True, slots=True)
class Watched:
    """What a page presented in a stretch of time; times are media times in seconds."""

    presented: list[tuple[int, float]]
    """Of each callback: how many frames were presented so far, and the time of the last."""
    pixels: list[tuple[float, Code]]
    """Of each callback: what was on the screen when it came, which may be a frame newer."""
    dropped: int
    """Frames chromium had decoded and did not show in time, by its own counter."""
    jumps: int
    """How often the console's player went to the newest frame, because it had fallen behind."""


def watch(*pages: Page, seconds: float) -> list[Watched]:
    """Every frame these pages present for a while, side by side."""
    for page in pages:
        page.evaluate(f"{_EYE}; window.watched = window.eye.watch({_VIDEO}, {seconds}); undefined")
    return [_watched(page) for page in pages]


def shown(page: Page) -> Code:
    """What is on the screen now."""
    return _decode(page.evaluate(f"{_EYE}; window.eye.look({_VIDEO})")["means"])


def _watched(page: Page) -> Watched:
    found = page.evaluate("window.watched")
    pixels = [(one["time"], _decode(one["means"])) for one in found["pixels"]]
    presented = [(count, time) for count, time in found["presented"]]
    return Watched(presented, pixels, found["dropped"], found["jumps"])


def _decode(means: list[int]) -> Code:
    row = [mean for mean in means for _ in range(block_code.BLOCK)]
    code = block_code.decode(row * block_code.HEIGHT)
    assert code is not None, f"no block code in the picture: {means}"
    return code


WINDOWS = 5
"""How often a busy machine is excused before it counts against us."""


def plays_in_order(*views: tuple[Page, int], seconds: float) -> None:
    """Each page shows its camera's frames for so long: none lost, repeated or of another camera.

    What the stream owes is asserted in every window of observation. What chromium owes, to show in
    time what it decoded, depends on how busy this machine is: another window is looked at then.
    """
    excuses: list[str] = []
    for _window in range(WINDOWS):
        found = watch(*(page for page, _camera in views), seconds=seconds)
        for watched, (_page, camera) in zip(found, views, strict=True):
            assert_in_order(watched, camera)
        excuses = [excuse for watched in found if (excuse := disturbed(watched, seconds))]
        if not excuses:
            return
    raise AssertionError(f"in none of {WINDOWS} windows a whole picture; the last: {excuses}")


def assert_in_order(watched: Watched, camera: int) -> None:
    """One camera's frames: every number at its time, each time 1/25 s after the last.

    Chromium counts the frames it decoded and did not show in time; any other that is missing was
    lost by the stream.
    """
    assert {code.camera for _time, code in watched.pixels} == {camera}
    for one, two in itertools.pairwise(watched.pixels):
        numbers = (two[1].frame - one[1].frame) % FRAMES
        assert numbers == _frames(one[0], two[0]), f"{one} then {two}"
    for (count, time), (next_count, next_time) in itertools.pairwise(watched.presented):
        assert _frames(time, next_time) >= next_count - count > 0, "a frame was presented twice"
    missing = _missing(watched)
    if not watched.jumps:
        assert missing <= watched.dropped, f"{missing} frames missing, {watched.dropped} dropped"


def disturbed(watched: Watched, seconds: float) -> str:
    """Why a window says too little: the machine had no time to show or read the frames."""
    if watched.jumps:
        return f"the player fell behind and jumped {watched.jumps} times"
    missing, total = _missing(watched), _total(watched)
    read = len({time for time, _code in watched.pixels})
    if missing > total * 0.05:
        return f"{missing} of {total} frames dropped by chromium"
    if total < FPS * seconds * 0.9 - 1:
        return f"only {total} frames in {seconds} s"
    return "" if read > total * 0.8 else f"only {read} of {total} frames were read"


def _total(watched: Watched) -> int:
    return _frames(watched.presented[0][1], watched.presented[-1][1])


def _missing(watched: Watched) -> int:
    return _total(watched) - (watched.presented[-1][0] - watched.presented[0][0])


def _frames(start: float, end: float) -> int:
    return round((end - start) * FPS)
