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

  // The mean gray of the middle of each block.
  look(video) {
    const width = BLOCKS * SIZE
    this.pen.drawImage(video, 0, 0, width, SIZE, 0, 0, width, SIZE)
    const { data } = this.pen.getImageData(0, 0, width, SIZE)
    const points = [10, 16, 22]
    return Array.from({ length: BLOCKS }, (_, block) => {
      let sum = 0
      for (const y of points)
        for (const x of points) {
          const at = 4 * (y * width + block * SIZE + x)
          sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]
        }
      return Math.round(sum / 9)
    })
  },

  // Frames presented so far and what each shows, and how many chromium dropped by itself meanwhile.
  watch(video, seconds) {
    return new Promise((resolve) => {
      const frames = []
      const dropped = () => video.getVideoPlaybackQuality().droppedVideoFrames
      const before = dropped()
      let end = 0
      // The counter of dropped frames comes a little later than the frames themselves.
      let late = 25
      const settle = () => {
        if (late-- > 0) video.requestVideoFrameCallback(settle)
        else resolve({ frames, dropped: dropped() - before })
      }
      const see = (now, { presentedFrames }) => {
        end ||= now + seconds * 1000
        frames.push([presentedFrames, this.look(video)])
        video.requestVideoFrameCallback(now >= end ? settle : see)
      }
      video.requestVideoFrameCallback(see)
    })
  },
}
""".replace("BLOCKS", str(block_code.BLOCKS)).replace("SIZE", str(block_code.BLOCK))

_VIDEO = "document.querySelector('video')"


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame on the screen: which one of the element's frames, and what it says."""

    presented: int
    code: Code


@dataclass(frozen=True, slots=True)
class Watched:
    """What a page presented in a stretch of time."""

    frames: list[Seen]
    dropped: int
    """Frames chromium had decoded and did not show in time, by its own counter."""


def watch(*pages: Page, seconds: float) -> list[Watched]:
    """Every frame these pages present for a while, side by side."""
    for page in pages:
        page.evaluate(f"{_EYE}; window.watched = window.eye.watch({_VIDEO}, {seconds}); undefined")
    return [_watched(page) for page in pages]


def shown(page: Page) -> Code:
    """What is on the screen now."""
    return _decode(page.evaluate(f"{_EYE}; window.eye.look({_VIDEO})"))


def _watched(page: Page) -> Watched:
    found = page.evaluate("window.watched")
    frames = [Seen(presented, _decode(means)) for presented, means in found["frames"]]
    return Watched(frames, found["dropped"])


def _decode(means: list[int]) -> Code:
    row = [mean for mean in means for _ in range(block_code.BLOCK)]
    code = block_code.decode(row * block_code.HEIGHT)
    assert code is not None, f"no block code in the picture: {means}"
    return code


def assert_in_order(watched: Watched, camera: int, seconds: float) -> None:
    """One camera's frames, each number one more than the last.

    A busy machine is the only excuse: chromium may call the page too late for a frame it presented,
    and may drop one it decoded. It counts both, so that a frame the stream lost still shows.
    """
    frames = watched.frames
    assert {seen.code.camera for seen in frames} == {camera}
    missing = 0
    for one, two in itertools.pairwise(frames):
        presented = two.presented - one.presented
        advance = (two.code.frame - one.code.frame) % FRAMES
        assert presented <= advance < presented + FPS, f"{one} then {two}"
        missing += advance - presented
    assert missing <= watched.dropped, f"{missing} frames missing, {watched.dropped} dropped"
    total = (frames[-1].code.frame - frames[0].code.frame) % FRAMES
    assert missing <= total * 0.05, f"{missing} of {total} frames dropped: is the machine busy?"
    assert total >= FPS * seconds * 0.9 - 1, f"only {total} frames in {seconds} s"
