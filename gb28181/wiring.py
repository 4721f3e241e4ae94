"""From the settings to what each part is given: one function per part.

The parts know their own options and nothing of the settings' names; this page is where both meet.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from config.schema import Settings
from config.types import PortRange
from gb28181 import __version__
from gb28181.control.service import ControlOptions
from gb28181.control.snapshot import SnapshotOptions
from gb28181.control.stills import KeyFrames, StillOptions, Stills
from gb28181.playback.progress import DownloadLimits
from gb28181.pushes.service import PushOptions
from gb28181.recording.bucket import BucketOptions
from gb28181.recording.options import RecordingOptions
from gb28181.session.model import channel_of
from gb28181.session.pull import PullTimes
from gb28181.session.tickets import TicketOffice
from gb28181.sources.service import SourceOptions
from gb28181.store.options import StoreOptions
from gb28181.store.vault import Vault
from gb28181.telemetry import events_worker as ev
from gb28181.telemetry.logs import get_logger
from media.inprocess import InProcessNode
from media.node import MediaNode
from media.options import HubLimits, NodeOptions
from media.placement import Traits
from media.pool import Home, NodePool
from media.ports import PortPool
from media.rtmp.publications import CacheLimits, Publications
from media.rtmp.server import RtmpOptions
from media.rtsp.server import RtspOptions
from media.still.studio import Studio
from media.tickets import ID_BYTES, Tickets
from media.worker.node import WorkerNode
from media.worker.relay import RelayOptions
from media.worker.remote import RelayAddress, RelayNode
from media.worker.secret import LEAST_SECRET
from media.worker.serving import HttpOptions
from sip.flow import Flow
from sip.options import EndpointOptions
from sip.timers import Timers
from sip.transport_tcp import TcpLimits

PLAYER_PORTS = 400
"""UDP ports towards players where none are set: 100 RTSP viewers over UDP, or 200 of WebRTC."""

log = get_logger("media")


def store_options(settings: Settings) -> StoreOptions:
    store = settings.store
    return StoreOptions(
        flush_interval_s=store.flush_interval,
        retention_days=store.retention_days,
        alarm_retention_days=store.alarm_retention_days,
        position_retention_days=store.position_retention_days,
        purge_interval_s=store.retention_interval,
    )


def endpoint_options(settings: Settings) -> EndpointOptions:
    sip = settings.sip
    return EndpointOptions(
        host=sip.host,
        port=sip.port,
        announce_host=sip.announce_host or "",
        announce_port=sip.announce_port or 0,
        receive_buffer=sip.receive_buffer,
        tcp_limits=TcpLimits(connections=sip.max_connections),
        timers=Timers(t1=sip.t1, t2=sip.t2, t4=sip.t4),
        user_agent=f"gb28181/{__version__}",
    )


def node_options(settings: Settings) -> NodeOptions:
    media = settings.media
    return NodeOptions(
        bind_host=media.listen_host,
        announce_host=media.host or "",
        first_port=media.ports.first,
        last_port=media.ports.last,
        gap_s=settings.sessions.silence_timeout,
        viewers=media.viewers_per_node,
        sounds=media.sounds,
        report_s=media.report_interval,
        single_port=media.single_port,
        limits=HubLimits(
            gop_bytes=media.gop_bytes,
            gop_s=media.gop_duration,
            queue_bytes=media.viewer_queue,
            stall_s=media.viewer_stall,
            viewers=media.viewers_per_stream,
        ),
    )


def rtsp_options(settings: Settings) -> RtspOptions:
    media = settings.media
    return RtspOptions(host=media.rtsp_host or settings.http.host, port=media.rtsp_port)


def rtmp_options(settings: Settings) -> RtmpOptions:
    media = settings.media
    return RtmpOptions(host=media.rtmp_host or settings.http.host, port=media.rtmp_port)


def publications(settings: Settings) -> Publications:
    """What cameras publish; it comes to this process, whatever processes do media besides."""
    media = settings.media
    return Publications(CacheLimits(media.gop_bytes, media.gop_duration))


def player_ports(settings: Settings) -> PortPool:
    """Pairs of UDP ports towards players: n stands for 2n and 2n+1."""
    ports = settings.media.player_ports
    if ports is None:
        behind = settings.media.ports.last + 1
        first = (
            behind if behind + PLAYER_PORTS <= 65536 else settings.media.ports.first - PLAYER_PORTS
        )
        ports = PortRange(max(1024, first), max(1024, first) + PLAYER_PORTS - 1)
    return PortPool((ports.first + 1) // 2, (ports.last - 1) // 2)


def pull_times(settings: Settings) -> PullTimes:
    sessions = settings.sessions
    return PullTimes(
        linger_s=sessions.linger,
        window_s=sessions.reinvite_window,
        offline_s=sessions.offline_grace,
        pause_s=sessions.reinvite_backoff,
    )


def media_sources(settings: Settings) -> Callable[[Flow], tuple[str, ...]]:
    """Where media of a device may come from: with one port for all streams the address counts."""
    if not settings.media.single_port:
        return lambda flow: ()
    allowed = tuple(str(network) for network in settings.media.allow)
    return lambda flow: (flow.remote[0].partition("%")[0], *allowed)


def source_options(settings: Settings) -> SourceOptions:
    sources = settings.sources
    return SourceOptions(sources.check_interval, tuple(str(one) for one in sources.allow))


def push_options(settings: Settings) -> PushOptions:
    pushes = settings.pushes
    return PushOptions(pushes.limit, tuple(str(one) for one in pushes.allow))


def control_options(settings: Settings) -> ControlOptions:
    control = settings.control
    return ControlOptions(
        command_s=control.command_timeout,
        answer_s=control.answer_timeout,
        deadman_s=control.ptz_deadman,
        hold_s=control.ptz_hold,
        snapshots=SnapshotOptions(
            wait_s=control.snapshot_wait,
            answer_s=control.answer_timeout,
            most_bytes=control.snapshot_bytes,
            most_pixels=control.snapshot_pixels,
            keep=control.snapshot_keep,
        ),
    )


def stills(settings: Settings, key_frames: KeyFrames) -> Stills:
    control = settings.control
    options = StillOptions(
        interval_s=control.thumbnail_interval,
        width=control.thumbnail_width,
        most_pixels=control.snapshot_pixels,
    )
    return Stills(key_frames, Studio(control.snapshot_processes), options)


def download_limits(settings: Settings) -> DownloadLimits:
    sessions = settings.sessions
    return DownloadLimits(
        per_device=sessions.downloads_per_device,
        queued=sessions.downloads_queued,
        keep_s=sessions.download_retention,
        reserve=sessions.download_reserve,
    )


def ticket_office(settings: Settings, key: bytes, vault: Vault) -> TicketOffice:
    """The tickets of this platform under the key of its data directory."""
    tickets = Tickets(key, lambda: secrets.token_bytes(ID_BYTES))
    return TicketOffice(tickets, vault, settings.http.ticket_lifetime)


def worker_http(settings: Settings, key: bytes) -> HttpOptions:
    """How workers serve players themselves."""
    media, http = settings.media, settings.http
    ports = media.http_ports or PortRange(0, 0)
    return HttpOptions(
        media.http_host or http.host,
        ports.first,
        ports.last,
        key,
        http.cert_file,
        http.key_file,
    )


def traits(settings: Settings) -> dict[str, Traits]:
    """`media.placement`, as it was checked when the settings were read."""
    found = {}
    for one in settings.media.placement:
        name, _, rest = one.partition("=")
        weight, _, places = rest.partition("@")
        found[name] = Traits(float(weight), tuple(filter(None, places.split("+"))))
    return found


def recording_options(settings: Settings) -> RecordingOptions:
    recording = settings.recording
    return RecordingOptions(
        folder=Path(recording.folder or Path(settings.data_dir) / "recordings").absolute(),
        segment_s=recording.segment,
        zone=recording.zone,
        keep_days=recording.retention / 86_400,
        quota=recording.quota,
        reserve=recording.reserve,
        overwrite=recording.overwrite,
        playbacks=recording.playbacks,
        export_keep_s=recording.export_retention,
        look_s=recording.look,
        store=_bucket_options(settings),
    )


def _bucket_options(settings: Settings) -> BucketOptions | None:
    """Raises OSError when what it needs is not installed."""
    recording = settings.recording
    if not (recording.s3_endpoint and recording.s3_bucket and recording.s3_secret_key):
        return None
    if find_spec("botocore") is None:
        raise OSError("recording.s3_endpoint needs botocore: pip install 'gb28181[s3]'")
    return BucketOptions(
        recording.s3_endpoint.rstrip("/"),
        recording.s3_bucket,
        recording.s3_prefix,
        recording.s3_region,
        recording.s3_access_key or "",
        recording.s3_secret_key.reveal(),
        recording.s3_addressing,
        recording.s3_quota,
    )


def relay_secret(settings: Settings) -> bytes:
    """What a platform shares with its relays; raises OSError when it cannot be used."""
    path = settings.media.relay_secret_file
    if path is None:
        raise OSError("relays need `media.relay_secret_file`")
    secret = Path(path).read_bytes().strip()
    if len(secret) < LEAST_SECRET:
        raise OSError(f"{path}: a secret has at least {LEAST_SECRET} bytes")
    return secret


def relay_options(settings: Settings) -> RelayOptions:
    """How `gb28181 serve --relay` listens; raises OSError."""
    media, http = settings.media, settings.http
    if not media.host:
        raise OSError("a relay needs `media.host`: cameras and players are told it")
    host, port = _host_port(media.relay_listen)
    ports = media.http_ports or PortRange(0, 0)
    return RelayOptions(
        host,
        port,
        relay_secret(settings),
        media.listen_host,
        media.host,
        media.ports.first,
        media.ports.last,
        media.http_host or http.host,
        ports.first,
        ports.last,
        http.cert_file,
        http.key_file,
        node_options(settings).single_port,
    )


def _relay_nodes(settings: Settings, key: bytes) -> list[RelayNode]:
    nodes = []
    for one in settings.media.relays:
        name, _, where = one.partition("@")
        host, port = _host_port(where)
        address = RelayAddress(host, port, relay_secret(settings))
        node = RelayNode(
            replace(node_options(settings), name=name), address, worker_http(settings, key)
        )
        node.on_up = partial(_relay_up, name, where)
        node.on_lost = partial(_relay_lost, name, where)
        nodes.append(node)
    return nodes


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def media_node(settings: Settings, key: bytes, published: Publications) -> NodePool:
    """The media of this node: in this process, or in workers that share the ports.

    What is published to this process is handed out by it, beside the workers if there are any.
    """
    options, workers = node_options(settings), settings.media.workers
    local = InProcessNode(options, publications=published)
    home = Home(local.name, lambda stream_id: published.knows(channel_of(stream_id)), bool(workers))
    if not workers:
        return NodePool([local, *_relay_nodes(settings, key)], traits(settings), home)
    share = (options.last_port - options.first_port + 1) // workers
    nodes: list[MediaNode] = []
    for number in range(workers):
        first = options.first_port + number * share
        last = options.last_port if number == workers - 1 else first + share - 1
        name = f"worker{number + 1}"
        single = options.single_port and options.single_port + number
        node = WorkerNode(
            replace(options, name=name, first_port=first, last_port=last, single_port=single),
            worker_http(settings, key),
        )
        node.on_up = partial(_up, name)
        node.on_lost = partial(_lost, name)
        nodes.append(node)
    if settings.media.rtmp_port:
        nodes.append(local)
    return NodePool([*nodes, *_relay_nodes(settings, key)], traits(settings), home)


def _relay_up(name: str, where: str, _: int) -> None:
    log.event(ev.MEDIA_RELAY_UP, node=name, remote=where)


def _relay_lost(name: str, where: str, _: int, reason: str) -> None:
    log.event(ev.MEDIA_RELAY_LOST, node=name, remote=where, reason=reason)


def _up(name: str, pid: int) -> None:
    log.event(ev.MEDIA_WORKER_STARTED, node=name, pid=pid)


def _lost(name: str, pid: int, reason: str) -> None:
    log.event(ev.MEDIA_WORKER_LOST, node=name, pid=pid, reason=reason)
