"""Live pictures brought to other servers by RTSP or RTMP, as operators entered them.

A push is kept over restarts and tried again for as long as it stands; only an operator ends it.
Where the bytes run is another matter: on the media node that has the stream (`media.pushing`).
"""
