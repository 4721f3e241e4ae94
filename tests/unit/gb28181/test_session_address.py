"""The reflection guard: which claimed media address is used, replaced or refused."""

import pytest

from gb28181.session.address import MediaAddresses

SOURCE = "198.51.100.7"


@pytest.mark.parametrize(
    ("claimed", "used"),
    [
        (SOURCE, SOURCE),
        ("10.1.2.3", SOURCE),
        ("192.168.1.64", SOURCE),
        ("172.31.0.1", SOURCE),
        ("100.64.3.4", SOURCE),
        ("127.0.0.1", SOURCE),
        ("0.0.0.0", SOURCE),
        ("fd00::1", SOURCE),
        ("camera.example", SOURCE),
        ("", SOURCE),
        ("203.0.113.9", None),
        ("8.8.8.8", None),
        ("2001:4860:4860::8888", None),
        ("239.1.1.1", None),
        ("ff02::1", None),
    ],
)
def test_without_further_networks(claimed: str, used: str | None) -> None:
    assert MediaAddresses().usable(claimed, SOURCE) == used


def test_a_network_the_operator_allowed_is_used_as_claimed() -> None:
    addresses = MediaAddresses(["203.0.113.0/24", "10.0.0.0/8"])
    assert addresses.usable("203.0.113.9", SOURCE) == "203.0.113.9"
    assert addresses.usable("10.1.2.3", SOURCE) == "10.1.2.3"
    assert addresses.usable("203.0.114.9", SOURCE) is None
