"""The figures of RTMP for the page of `behaviour`: who publishes to us, whom we push to."""

from __future__ import annotations

BY_SETTING = (
    ("media.rtmp_port", "Port cameras publish to; 0 turns it off"),
    ("media.gop_bytes", "Kept of one publisher since its last key frame, at most"),
)

FIXED = (
    ("media.rtmp.server.RtmpOptions.connections", "Connections of all publishers", ""),
    ("media.rtmp.server.RtmpOptions.connections_per_address", "and from one address", ""),
    ("media.rtmp.publish.SETUP_S", "From the connection to publishing at most", "s"),
    ("media.rtmp.publish.MOST_COMMANDS", "Commands before publishing", ""),
    ("media.rtmp.publications.SILENT_S", "A key is taken over from a publisher silent for", "s"),
    ("media.rtmp.publications.GONE_S", "A publisher without media is cut off after", "s"),
    ("media.rtmp.connection.FLUSH_S", "A connection that ends may take what was written for", "s"),
    ("media.rtmp.connection.WRITE_MOST", "Answers an encoder leaves unread", "bytes"),
    ("media.rtmp.chunks.MAX_COMMAND", "Largest message before publishing", "bytes"),
    ("media.rtmp.chunks.MAX_MESSAGE", "and while publishing", "bytes"),
    ("media.rtmp.chunks.MAX_CHUNK_STREAMS", "Chunk streams of a connection", ""),
    ("media.rtmp.chunks.LEAST_CHUNK", "Smallest chunk that may be agreed on", "bytes"),
    ("media.rtmp.amf.MAX_DEPTH", "Levels of a command's values", ""),
    ("media.rtmp.amf.MAX_VALUES", "Values of a command", ""),
    ("gb28181.sources.service.KEY_BYTES", "Random bytes of a stream key", ""),
    ("media.rtmp.push.ANSWER_S", "Pushing: an answer of the server comes within", "s"),
)
