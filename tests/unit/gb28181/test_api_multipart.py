"""Uploads as multipart: the file is found, and what is broken is refused."""

from __future__ import annotations

import pytest

from gb28181.api.multipart import first_file
from gb28181.errors import BadInput

TYPE = "multipart/form-data; boundary=xyz"


def body(*parts: str) -> bytes:
    text = "".join(f"--xyz\r\n{part}\r\n" for part in parts)
    return (text + "--xyz--\r\n").encode("latin-1")


def test_the_file_is_found_among_fields() -> None:
    data = body(
        'Content-Disposition: form-data; name="SessionID"\r\n\r\nabc',
        'Content-Disposition: form-data; name="f"; filename="1.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n\xff\xd8picture",
    )
    assert first_file(TYPE, data) == ("1.jpg", b"\xff\xd8picture")


def test_an_image_without_a_name_and_a_part_that_says_nothing() -> None:
    image = body("Content-Type: image/jpeg\r\n\r\npicture")
    assert first_file(TYPE, image) == ("", b"picture")
    bare = body('Content-Disposition: form-data; name="a"\r\n\r\nx', "\r\nlonger")
    assert first_file(TYPE, bare) == ("", b"longer")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("multipart/form-data", body("\r\nx")),
        ("multipart/form-data; boundary=", body("\r\nx")),
        (f"multipart/form-data; boundary={'x' * 300}", body("\r\nx")),
        (TYPE, b""),
        (TYPE, b"garbage"),
        (TYPE, b"--other\r\n\r\nx\r\n--other--"),
        (TYPE, body(*["\r\nx"] * 30)),
    ],
)
def test_what_is_broken_is_refused(kind: str, data: bytes) -> None:
    with pytest.raises(BadInput):
        first_file(kind, data)
