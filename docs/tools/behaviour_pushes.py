"""The part of `behaviour.py` about streams brought to other servers: (place, words, unit)."""

from __future__ import annotations

BY_SETTING = (("pushes.limit", "How many may be entered; then 503"),)

FIXED = (
    ("gb28181.pushes.machine.RETRY_S", "One that ended or failed is tried again after", "s"),
    ("gb28181.pushes.machine.LONGEST_RETRY_S", "That pause doubles up to", "s"),
    ("gb28181.pushes.machine.SPREAD", "and is longer or shorter by up to this part", ""),
    ("gb28181.pushes.machine.STABLE_S", "One that ran so long begins with the first pause", "s"),
    ("gb28181.pushes.service.AT_ONCE", "Pushes that are begun at one time", ""),
    ("gb28181.pushes.address.MOST_URL", "Longest address", ""),
    ("media.rtsp.pusher.BEGIN_S", "A running stream shows a key frame to be pushed within", "s"),
    ("media.send.link.STALL_S", "A server that takes nothing for so long is given up", "s"),
    ("media.send.link.WRITE_HIGH", "Bytes of a connection that wait in its socket", "bytes"),
    ("media.rtsp.pusher.TICK_S", "Answers and keepalives that are due are looked at every", "s"),
    ("media.send.link.FLUSH_S", "A connection that ends may take what was written for", "s"),
)
