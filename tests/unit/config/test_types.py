from __future__ import annotations

import ipaddress
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.types import (
    PortRange,
    Secret,
    parse_duration,
    parse_list,
    parse_network,
    parse_size,
    show_duration,
    show_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        ("30s", 30.0),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("10min", 600.0),
        ("10m", 600.0),
        ("2h", 7200.0),
        ("7d", 604800.0),
        (" 5 s ", 5.0),
        (12, 12),
    ],
)
def test_durations_are_read_as_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-5s", "5x", "5 s s", "1e3", "0x10", True])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("64KiB", 65536), ("4MiB", 4194304), ("5MB", 5_000_000), ("0.5KiB", 512)],
)
def test_sizes_are_read_as_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["4 mib", "4M", "1.5B", "-1"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a size"):
        parse_size(text)


@given(st.integers(min_value=1, max_value=10**9))
def test_a_shown_duration_reads_back_to_the_same(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(show_duration(seconds)) == pytest.approx(seconds)


@given(st.integers(min_value=0, max_value=2**40))
def test_a_shown_size_reads_back_to_the_same(size: int) -> None:
    assert parse_size(show_size(size)) == size


def test_a_port_range_counts_both_ends() -> None:
    ports = PortRange.parse("30000 - 30009")
    assert (len(ports), *list(ports)[::9]) == (10, 30000, 30009)
    assert 30009 in ports
    assert 30010 not in ports
    assert str(ports) == "30000-30009"
    assert PortRange.parse("554") == PortRange(554, 554)


def test_port_ranges_overlap_where_they_share_a_port() -> None:
    ports = PortRange(100, 200)
    assert ports.overlaps(PortRange(200, 300))
    assert not ports.overlaps(PortRange(201, 300))


@pytest.mark.parametrize("text", ["", "a-b", "0-5", "10-5", "1-70000", "1-2-3"])
def test_what_is_no_port_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a port range"):
        PortRange.parse(text)


def test_networks_take_a_single_address_and_host_bits() -> None:
    assert parse_network("10.1.2.3") == ipaddress.ip_network("10.1.2.3/32")
    assert parse_network("10.1.2.3/8") == ipaddress.ip_network("10.0.0.0/8")
    assert parse_network("2001:db8::1/32") == ipaddress.ip_network("2001:db8::/32")


def test_a_list_in_a_variable_is_split_at_commas() -> None:
    assert parse_list(" a, b ,,c ") == ("a", "b", "c")
    assert parse_list(["a"]) == ["a"]


def test_a_secret_is_shown_nowhere() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]} { ({'a': secret}) }"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != Secret("hunter3")
    assert secret != "hunter2"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
