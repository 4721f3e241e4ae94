"""The part of `behaviour.py` about streams brought to other servers: (place, words, unit)."""

from __future__ import annotations

FIXED = (
    ("media.rtsp.pusher.BEGIN_S", "A running stream shows a key frame to be pushed within", "s"),
    ("media.rtsp.pusher.STALL_S", "A server that takes nothing for so long is given up", "s"),
    ("media.rtsp.pusher.WRITE_HIGH", "Bytes of a connection that wait in its socket", "bytes"),
    ("media.rtsp.pusher.TICK_S", "Answers and keepalives that are due are looked at every", "s"),
    ("media.rtsp.pusher.FLUSH_S", "A connection that ends may take what was written for", "s"),
)
