"""The metrics page: figures are kept as plain numbers by their owners and read when asked for.

A component registers a reader, not a counter object: the hot paths stay free of any library. Names
begin with `gb28181_`, labels come from small closed sets (never a device, stream or address).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "gb28181_"
_NAME = re.compile(r"gb28181_[a-z0-9]+(_[a-z0-9]+)*")
UNBOUNDED = frozenset(
    {"device_id", "channel_id", "stream_id", "session_id", "call_id", "ssrc", "remote", "user"}
)

Values = float | Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: `read` gives its number, or numbers by label values in the order of `labels`."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    read: Callable[[], Values]
    labels: tuple[str, ...] = ()


class Metrics:
    """The figures of one process."""

    def __init__(self, *, with_process: bool = True) -> None:
        self._registry = CollectorRegistry()
        self._figures: dict[str, Figure] = {}
        self._registry.register(_Reader(self._figures))
        if with_process:
            ProcessCollector(namespace="gb28181", registry=self._registry)
            PlatformCollector(registry=self._registry)

    def counter(
        self, name: str, meaning: str, read: Callable[[], Values], labels: tuple[str, ...] = ()
    ) -> None:
        """A number that only grows while the process lives; the name ends with `_total`."""
        if not name.endswith("_total"):
            raise ValueError(f"the name of a counter ends with _total: {name}")
        self._add(Figure(name, "counter", meaning, read, labels))

    def gauge(
        self, name: str, meaning: str, read: Callable[[], Values], labels: tuple[str, ...] = ()
    ) -> None:
        """A number that rises and falls."""
        self._add(Figure(name, "gauge", meaning, read, labels))

    def histogram(self, name: str, meaning: str, buckets: Iterable[float]) -> Histogram:
        """A distribution, e.g. of times in seconds; the caller observes into it."""
        _check(name, ())
        return Histogram(name, meaning, buckets=tuple(buckets), registry=self._registry)

    def _add(self, figure: Figure) -> None:
        _check(figure.name, figure.labels)
        if figure.name in self._figures:
            raise ValueError(f"the metric {figure.name} is registered twice")
        self._figures[figure.name] = figure

    def figures(self) -> list[Figure]:
        return list(self._figures.values())

    def render(self) -> bytes:
        """The page in Prometheus' text format."""
        return generate_latest(self._registry)


class _Reader:
    """Reads every figure when the page is asked for."""

    def __init__(self, figures: Mapping[str, Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        for figure in self._figures.values():
            yield _family(figure)


def _family(figure: Figure) -> Metric:
    family: CounterMetricFamily | GaugeMetricFamily
    if figure.kind == "counter":
        family = CounterMetricFamily(figure.name, figure.meaning, labels=figure.labels)
    else:
        family = GaugeMetricFamily(figure.name, figure.meaning, labels=figure.labels)
    values = figure.read()
    if isinstance(values, Mapping):
        for labels, value in values.items():
            family.add_metric(labels, value)
    else:
        family.add_metric((), values)
    return family


def _check(name: str, labels: tuple[str, ...]) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"a metric is called {PREFIX}noun_unit, not {name}")
    unbounded = UNBOUNDED.intersection(labels)
    if unbounded:
        raise ValueError(f"{name}: labels without bound: {', '.join(sorted(unbounded))}")
