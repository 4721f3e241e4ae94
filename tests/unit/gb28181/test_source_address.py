"""Addresses of cameras as operators type them."""

from __future__ import annotations

import pytest

from gb28181.errors import BadInput
from gb28181.sources.address import SourceAddress, check_credentials, read_address


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("rtsp://10.0.0.9/a", SourceAddress("rtsp://10.0.0.9/a", "", "")),
        (" RTSP://u:p%40ss@cam:8554/b?c=1 ", SourceAddress("rtsp://cam:8554/b?c=1", "u", "p@ss")),
        ("rtsp://u@[2001:db8::9]:554/", SourceAddress("rtsp://[2001:db8::9]:554/", "u", "")),
        ("rtsp://cam/a#part", SourceAddress("rtsp://cam/a", "", "")),
    ],
)
def test_user_and_password_are_taken_out(typed: str, read: SourceAddress) -> None:
    assert read_address(typed) == read


@pytest.mark.parametrize(
    "typed",
    [
        "", "cam", "http://cam/", "rtsp://", "rtsp:///a", "rtsp://cam:0/", "rtsp://cam:99999/",
        "rtsp://cam/a b", "rtsp://cam/a\r\nb", "rtsp://cam/" + "a" * 2048, "rtsp://[::1/",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(BadInput, match="url: "):
        read_address(typed)


@pytest.mark.parametrize(
    ("user", "password"), [("a\r\nX: 1", ""), ("a", "b\nc"), ('a"', ""), ("a", "\x00")]
)
def test_credentials_end_no_line_of_a_header(user: str, password: str) -> None:
    with pytest.raises(BadInput, match="control characters"):
        check_credentials(user, password)


def test_credentials_behind_a_percent_sign_are_looked_at_too() -> None:
    found = read_address("rtsp://u%0d%0aX:p@cam/")
    with pytest.raises(BadInput):
        check_credentials(found.user, found.password)
    check_credentials("管理员", 'p"w d')
