"""A file in a multipart body: one part of it, or BadInput."""

from __future__ import annotations

from gb28181.api.multipart import first_file
from gb28181.errors import BadInput

TYPE = "multipart/form-data; boundary=b"


def seeds() -> list[bytes]:
    part = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\nabc\r\n"
    )
    return [part + b"--b--\r\n", part * 2 + b"--b--\r\n", b"--b\r\n\r\nx\r\n--b--\r\n", part]


def check(data: bytes) -> None:
    for kind in (TYPE, data[:60].decode("latin-1")):
        try:
            name, content = first_file(kind, data)
        except BadInput:
            continue
        assert len(name) <= 200
        assert len(content) <= len(data)
