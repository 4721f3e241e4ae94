"""What a request may reach: the services of this node, handed to the routes by the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from config.schema import Settings
from gb28181.alarms.linkage import Linkage
from gb28181.alarms.service import AlarmService
from gb28181.cluster.bus import Bus
from gb28181.conformance.service import ConformanceService
from gb28181.control.service import ControlService
from gb28181.device.service import DeviceService
from gb28181.diagnosis.service import Diagnosis
from gb28181.playback.archive import Archive
from gb28181.playback.downloads import DownloadService
from gb28181.playback.service import PlaybackService
from gb28181.positions.service import PositionService
from gb28181.pushes.service import PushService
from gb28181.recording.archive import RecordedArchive
from gb28181.recording.exports import Exports
from gb28181.recording.house import House
from gb28181.recording.plans import Plans
from gb28181.recording.recovery import Recovery
from gb28181.recording.replays import ReplayService
from gb28181.recording.service import RecordingService
from gb28181.session.browsers import BrowserStreams
from gb28181.session.forwards import Forwards
from gb28181.session.service import SessionService
from gb28181.session.tickets import TicketOffice
from gb28181.session.viewers import ViewerBook
from gb28181.sources.service import SourceService
from gb28181.store.store import Store
from gb28181.subscribe.service import Subscriber
from gb28181.subscribe.wishes import Wishes
from gb28181.talk.service import TalkService
from gb28181.trace.recorder import Recorder
from media.node import MediaNode
from media.pool import NodePool
from media.whep.peers import WhepServer

from .limits import LoginLimits
from .tokens import Tokens


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the node may be given work, and which part is not there yet."""

    tree: bool
    sip: bool
    media: bool

    @property
    def ready(self) -> bool:
        return self.tree and self.sip and self.media


@dataclass(frozen=True, slots=True)
class Platform:
    """The services of one node."""

    settings: Settings
    version: str
    devices: DeviceService
    sessions: SessionService
    forwards: Forwards
    pushes: PushService
    browsers: BrowserStreams
    control: ControlService
    subscriber: Subscriber
    wishes: Wishes
    alarms: AlarmService
    linkage: Linkage
    positions: PositionService
    archive: Archive
    playback: PlaybackService
    downloads: DownloadService
    recordings: RecordingService
    recording_plans: Plans
    recorded: RecordedArchive
    exports: Exports
    replays: ReplayService
    room: House
    recovery: Recovery
    sources: SourceService
    conformance: ConformanceService
    talks: TalkService
    recorder: Recorder
    diagnosis: Diagnosis
    node: MediaNode
    pool: NodePool
    """The same, as the several it may be."""
    whep: WhepServer
    store: Store
    bus: Bus
    tokens: Tokens
    tickets: TicketOffice
    viewers: ViewerBook
    logins: LoginLimits
    readiness: Callable[[], Readiness]
    metrics: Callable[[], bytes]
    stopping: Callable[[], bool] = field(default=lambda: False)
    rtsp_port: Callable[[], int | None] = field(default=lambda: None)
    """The port RTSP is served on; None: it is not."""
    rtmp_port: Callable[[], int | None] = field(default=lambda: None)
    """The port RTMP is published to; None: to none."""


def platform_of(connection: HTTPConnection) -> Platform:
    """The platform of the application that serves this request or WebSocket."""
    return cast(Platform, connection.app.state.platform)


Here = Annotated[Platform, Depends(platform_of)]
"""A route's parameter that receives the platform."""
