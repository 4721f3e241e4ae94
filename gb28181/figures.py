"""Which figures of which part appear on the metrics page; see docs/reference/metrics.md."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from catalog.tree import Tree
from gb28181.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from gb28181.app import App


def install_figures(metrics: Metrics, app: App) -> None:
    """Register the readers; each is a plain number kept by its owner."""
    _devices(metrics, app)
    _sessions(metrics, app)
    _media(metrics, app)
    _viewers(metrics, app)
    _sip(metrics, app)
    _store(metrics, app)
    _reports(metrics, app)
    _recordings(metrics, app)
    _pushes(metrics, app)
    _loop(metrics)


def _recordings(metrics: Metrics, app: App) -> None:
    filming = app.filming
    metrics.gauge(
        "gb28181_recordings",
        "Channels that are to be recorded by the platform, by state.",
        lambda: {(s.value,): float(n) for s, n in filming.recordings.by_state().items()},
        ("state",),
    )
    metrics.gauge(
        "gb28181_recording_bytes",
        "Bytes of all recordings on the local disk.",
        lambda: float(filming.house.size),
    )
    metrics.gauge(
        "gb28181_recording_store_bytes",
        "Bytes of all recordings in the store behind it.",
        lambda: float(filming.house.stored),
    )
    metrics.gauge(
        "gb28181_recording_store_trouble",
        "1 while the store of recordings takes nothing.",
        lambda: float(bool(filming.storage.trouble)),
    )
    metrics.gauge(
        "gb28181_recording_playbacks",
        "Recordings of the platform that are shown as streams.",
        lambda: float(filming.replays.running),
    )


def _pushes(metrics: Metrics, app: App) -> None:
    pushes = app.pushes
    metrics.gauge(
        "gb28181_pushes",
        "Streams that are to be brought to other servers, by state.",
        lambda: {(state,): float(number) for state, number in pushes.by_state().items()},
        ("state",),
    )
    metrics.counter(
        "gb28181_push_bytes_total", "Bytes brought to other servers.", lambda: pushes.bytes_out
    )


def _loop(metrics: Metrics) -> None:
    metrics.gauge(
        "gb28181_tasks",
        "Tasks of the event loop: what rises and never falls again is a leak.",
        lambda: float(len(asyncio.all_tasks())),
    )


def _devices(metrics: Metrics, app: App) -> None:
    devices = app.devices
    metrics.gauge(
        "gb28181_devices",
        "Devices by state.",
        lambda: {(state,): float(n) for state, n in devices.count_by_state().items()},
        ("state",),
    )
    metrics.gauge("gb28181_channels", "Channels in the tree.", lambda: len(devices.tree))
    metrics.gauge(
        "gb28181_channels_online", "Channels that are online.", lambda: _online(devices.tree)
    )


def _sessions(metrics: Metrics, app: App) -> None:
    def by_state() -> dict[tuple[str, ...], float]:
        found = Counter(session.call.state.value for session in app.ledger.open())
        return {(state,): float(number) for state, number in found.items()}

    metrics.gauge("gb28181_sessions", "Sessions that are not over.", by_state, ("state",))
    metrics.gauge("gb28181_ssrcs_held", "SSRC values leased or resting.", lambda: app.ssrcs.held)
    metrics.gauge("gb28181_receivers", "Open media receivers.", lambda: len(app.node.receivers()))
    metrics.gauge(
        "gb28181_sounds", "Streams AAC is made for.", lambda: float(app.node.totals().sounds)
    )
    metrics.counter(
        "gb28181_sounds_refused_total",
        "Listeners that got no sound because too much is made already.",
        lambda: app.node.totals().sounds_refused,
    )


def _media(metrics: Metrics, app: App) -> None:
    watch = app.sessions.watch
    counters = watch.counters
    metrics.counter(
        "gb28181_media_packets_total",
        "RTP of all pulls: taken, missing in the sequence, thrown away by the kernel, or from"
        " another address than the sender's.",
        lambda: {
            ("taken",): counters.packets,
            ("lost",): counters.lost,
            ("kernel_drop",): counters.kernel_drops,
            ("foreign",): counters.foreign,
        },
        ("result",),
    )
    metrics.counter(
        "gb28181_media_received_bytes_total", "RTP of all pulls.", lambda: counters.bytes_in
    )
    metrics.counter(
        "gb28181_media_pictures_total", "Pictures that were given out.", lambda: counters.frames
    )
    metrics.gauge(
        "gb28181_media_bitrate_bps",
        "Received by all pulls in the last second.",
        lambda: float(sum(s.bitrate_bps for s in watch.last())),
    )
    metrics.gauge(
        "gb28181_media_jitter_ms",
        "The highest interarrival jitter of a pull.",
        lambda: max((s.measured.jitter_ms for s in watch.last()), default=0.0),
    )


def _viewers(metrics: Metrics, app: App) -> None:
    book = app.viewers

    def labelled(found: dict[str, int]) -> dict[tuple[str, ...], float]:
        return {(protocol,): float(number) for protocol, number in found.items()}

    metrics.gauge(
        "gb28181_viewers",
        "Viewers by output.",
        lambda: labelled(book.by_protocol()),
        ("protocol",),
    )
    metrics.gauge(
        "gb28181_viewing_users",
        "Users with a viewer; who they are tells GET /api/v1/viewers/users.",
        lambda: len({one.who.user for one in book.viewers()}),
    )
    metrics.counter(
        "gb28181_viewers_total",
        "Viewers that came since the start, by output.",
        lambda: labelled(book.opened),
        ("protocol",),
    )
    metrics.counter(
        "gb28181_viewer_bytes_total",
        "Bytes for viewers, by output.",
        lambda: labelled(book.bytes_by_protocol()),
        ("protocol",),
    )


def _sip(metrics: Metrics, app: App) -> None:
    counters = app.endpoint.counters
    metrics.counter(
        "gb28181_sip_messages_total",
        "SIP messages.",
        lambda: {("in",): counters.messages_in, ("out",): counters.messages_out},
        ("direction",),
    )
    metrics.counter(
        "gb28181_sip_malformed_total", "Input that is no SIP message.", lambda: counters.malformed
    )
    metrics.counter(
        "gb28181_sip_kernel_drops_total",
        "Datagrams the kernel dropped because the receive buffer was full.",
        lambda: counters.kernel_drops,
    )
    metrics.gauge("gb28181_sip_connections", "SIP over TCP.", lambda: app.endpoint.connections)


def _store(metrics: Metrics, app: App) -> None:
    metrics.gauge("gb28181_store_waiting_rows", "Rows not on disk yet.", lambda: app.store.waiting)
    metrics.counter(
        "gb28181_store_dropped_rows_total",
        "Rows lost because the database failed for too long.",
        lambda: app.store.dropped,
    )


def _reports(metrics: Metrics, app: App) -> None:
    reports = app.reports
    alarms, linkage, positions = reports.alarms, reports.linkage, reports.positions
    metrics.gauge(
        "gb28181_subscriptions",
        "Subscriptions at devices by state.",
        lambda: {(s,): float(n) for s, n in reports.subscriber.count_by_state().items()},
        ("state",),
    )
    metrics.counter(
        "gb28181_alarms_total",
        "Alarms: stored, repeated, or dropped because their device sent more than its share.",
        lambda: {
            ("stored",): alarms.counters.stored,
            ("repeated",): alarms.counters.repeated,
            ("over_budget",): alarms.counters.over_budget,
        },
        ("result",),
    )
    metrics.counter(
        "gb28181_alarm_actions_total",
        "What followed from alarms: done, failed, or dropped because too many waited.",
        lambda: {
            ("done",): linkage.counters.done,
            ("failed",): linkage.counters.failed,
            ("dropped",): linkage.counters.dropped,
        },
        ("result",),
    )
    metrics.counter(
        "gb28181_positions_total",
        "Reported positions: stored, without a fix, or over their device's share.",
        lambda: {
            ("stored",): positions.counters.stored,
            ("no_fix",): positions.counters.no_fix,
            ("over_budget",): positions.counters.over_budget,
        },
        ("result",),
    )


def _online(tree: Tree) -> int:
    root = tree.node()
    return 0 if root is None else root.online
