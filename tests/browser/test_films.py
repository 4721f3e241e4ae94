"""A film across another size in a browser: it is played to its end, and can be jumped in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.unit.gb28181.test_film_formats import Roll
from tests.unit.media.samples import aac, pictures

pytestmark = [pytest.mark.browser]

PAGE = b"<!doctype html><video id=v muted></video>"
PLAY = """async () => {
  const video = document.getElementById('v'), sizes = [];
  video.addEventListener('resize', () => sizes.push([video.videoWidth, video.videoHeight]));
  video.src = '/film.mp4';
  video.playbackRate = 4;
  await new Promise((done, failed) => {
    video.onended = done;
    video.onerror = () => failed(new Error(video.error.message));
    video.play();
  });
  const jumps = [];
  for (const at of [5.5, 0.5, 9.5]) {
    video.currentTime = at;
    await new Promise((done, failed) => { video.onseeked = done; video.onerror = failed; });
    jumps.push([video.videoWidth, video.videoHeight]);
  }
  const shown = video.getVideoPlaybackQuality().totalVideoFrames;
  return {sizes, jumps, duration: video.duration, shown};
}"""


class Cinema(ThreadingHTTPServer):
    """Serves one film by ranges."""

    def __init__(self, film: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.film = film
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Cinema

    def do_GET(self) -> None:
        if self.path != "/film.mp4":
            self._send(200, PAGE, "text/html", "")
            return
        film, wanted = self.server.film, self.headers.get("Range", "bytes=0-")
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        begin, end = int(first), int(last or len(film) - 1)
        self._send(206, film[begin : end + 1], "video/mp4", f"bytes {begin}-{end}/{len(film)}")

    def _send(self, status: int, body: bytes, kind: str, span: str) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Accept-Ranges", "bytes"),
            *([("Content-Range", span)] if span else []),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The browser's requests are of no interest."""


@pytest.fixture
def cinema(tmp_path: Path) -> Iterator[Cinema]:
    roll = Roll(tmp_path)
    small, large = pictures(count=100, gop=25), pictures(count=100, gop=25, width=640, height=360)
    roll.add(small, aac(4.0))
    roll.add(large)
    roll.add(small, aac(4.0))
    with ThreadPoolExecutor(1) as thread:
        film = thread.submit(asyncio.run, roll.film()).result()
    with Cinema(film) as made:
        yield made
        made.shutdown()


def test_a_film_of_two_sizes(browser: Browser, cinema: Cinema) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{cinema.server_address[1]}/")
    found = page.evaluate(PLAY)
    page.close()
    small, large = [320, 240], [640, 360]
    assert found["sizes"][:3] == [small, large, small]
    assert found["jumps"] == [large, small, small]
    assert found["duration"] == pytest.approx(12, abs=0.1)
    assert found["shown"] >= 300
