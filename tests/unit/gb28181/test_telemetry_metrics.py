from __future__ import annotations

import pytest

from gb28181.telemetry.metrics import Metrics


def test_figures_are_read_when_the_page_is_asked_for() -> None:
    metrics, registrations = Metrics(with_process=False), [0]
    metrics.counter("gb28181_registrations_total", "REGISTERs accepted.", lambda: registrations[0])
    registrations[0] = 3
    assert b"\ngb28181_registrations_total 3.0\n" in metrics.render()
    registrations[0] = 4
    assert b"\ngb28181_registrations_total 4.0\n" in metrics.render()


def test_a_figure_may_have_values_by_label() -> None:
    metrics = Metrics(with_process=False)
    states = {("online",): 7, ("offline",): 2}
    metrics.gauge("gb28181_devices", "Devices by state.", lambda: states, ("state",))
    assert b'gb28181_devices{state="online"} 7.0' in metrics.render()
    assert b'gb28181_devices{state="offline"} 2.0' in metrics.render()


def test_a_histogram_counts_into_its_buckets() -> None:
    metrics = Metrics(with_process=False)
    times = metrics.histogram("gb28181_invite_seconds", "INVITE to answer.", (0.1, 1))
    times.observe(0.5)
    assert b'gb28181_invite_seconds_bucket{le="1.0"} 1.0' in metrics.render()


def test_the_process_itself_is_measured() -> None:
    assert b"gb28181_process_cpu_seconds_total" in Metrics().render()


@pytest.mark.parametrize(
    ("name", "labels", "reason"),
    [
        ("devices", (), "a metric is called"),
        ("gb28181_Devices", (), "a metric is called"),
        ("gb28181_streams", ("device_id",), "labels without bound: device_id"),
    ],
)
def test_names_and_labels_that_break_the_rules_are_refused(
    name: str, labels: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        Metrics(with_process=False).gauge(name, "x", lambda: 0, labels)


def test_a_counter_is_called_total_and_no_name_is_taken_twice() -> None:
    metrics = Metrics(with_process=False)
    with pytest.raises(ValueError, match="_total"):
        metrics.counter("gb28181_calls", "x", lambda: 0)
    metrics.gauge("gb28181_calls", "x", lambda: 0)
    with pytest.raises(ValueError, match="registered twice"):
        metrics.gauge("gb28181_calls", "x", lambda: 0)
