"""FFmpeg's own RTMP client, the one inside PyAV: H.265 goes as enhanced RTMP.

    python -m tests.support.rtmp_encoder URL VIDEO AUDIO

publishes four seconds of 25 pictures in the encoders named; behind the first second it waits for a
line of input. A process of its own, because PyAV does not let others run while it connects.
"""

from __future__ import annotations

import sys
from fractions import Fraction

import av

SECONDS = 4
RATE = 25
OPTIONS = {
    "libx264": {"preset": "ultrafast", "g": "10", "bf": "2"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=10:bframes=2"},
}


def publish(url: str, video: str, audio: str) -> None:
    """All of it, as fast as it is taken, but for the one stop."""
    with av.open(url, "w", format="flv") as out:
        picture = out.add_stream(video, rate=RATE)
        picture.width, picture.height, picture.pix_fmt = 320, 240, "yuv420p"
        picture.options = OPTIONS[video]
        rate = 8000 if audio.startswith("pcm") else 16_000
        sound = out.add_stream(audio, rate=rate)
        sound.layout = "mono"
        for number in range(SECONDS * RATE):
            if number == RATE:
                sys.stdin.readline()
            frame = av.VideoFrame(320, 240, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([number * 2 % 256]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(picture.encode(frame))
            heard = av.AudioFrame("s16", "mono", rate // RATE)
            heard.planes[0].update(bytes(heard.planes[0].buffer_size))
            heard.sample_rate, heard.pts = rate, number * rate // RATE
            heard.time_base = Fraction(1, rate)
            out.mux(sound.encode(heard))
        out.mux(picture.encode(None))
        out.mux(sound.encode(None))


if __name__ == "__main__":
    publish(*sys.argv[1:4])
