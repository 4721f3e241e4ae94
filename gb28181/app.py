"""The composition root: builds every part of a node, starts and stops them in order.

The only module that knows all classes. Start: store, secrets, media, registry restored, SIP, calls
of the run before ended, HTTP. Stop: nothing new is taken, calls end with BYE, viewers close, HTTP
and SIP close, the store is flushed; all of it within eight seconds.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from config.schema import Settings
from config.types import Secret
from gb28181 import __version__, wiring
from gb28181.api.application import create_app
from gb28181.api.door import PlayerDoor
from gb28181.api.key_frames import KeyFrames
from gb28181.api.limits import LoginLimits
from gb28181.api.platform import Platform, Readiness
from gb28181.api.server import HttpServer
from gb28181.api.snapshots import UPLOAD_PATH
from gb28181.api.tokens import Tokens
from gb28181.api.visits import VisitLog
from gb28181.cluster.bus import Bus
from gb28181.conformance.service import ConformanceService
from gb28181.conformance.tools import Tools
from gb28181.control.service import ControlService
from gb28181.device.options import DeviceOptions
from gb28181.device.service import DeviceService
from gb28181.diagnosis.service import Diagnosis
from gb28181.examining import OwnRecordings
from gb28181.figures import install_figures
from gb28181.filming import Filming
from gb28181.playback.archive import Archive
from gb28181.playback.downloads import DownloadService
from gb28181.playback.ending import Endings
from gb28181.playback.service import PlaybackService
from gb28181.pushes.service import PushService
from gb28181.reports import Reports
from gb28181.session.address import MediaAddresses
from gb28181.session.aftermath import Aftermath
from gb28181.session.browsers import BrowserStreams
from gb28181.session.call import CallTimes
from gb28181.session.caller import Caller
from gb28181.session.dialing import Dialer, Identity
from gb28181.session.forwards import Forwards
from gb28181.session.ledger import Ledger
from gb28181.session.model import STREAMS, StreamKey
from gb28181.session.opening import KeyFrame
from gb28181.session.service import SessionService
from gb28181.session.ssrc import SsrcPool
from gb28181.session.viewers import ViewerBook
from gb28181.sources.publishers import PublisherLog
from gb28181.sources.service import SourceService
from gb28181.store.cipher import derived_key, load_key
from gb28181.store.store import Store
from gb28181.switchboard import Switchboard
from gb28181.talk.books import Desk
from gb28181.talk.leg import LegTimes
from gb28181.talk.service import TalkOptions, TalkService
from gb28181.talk.voices import VoiceOptions, Voices
from gb28181.telemetry import events as ev
from gb28181.telemetry import events_source, events_viewer
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.metrics import Metrics
from gb28181.telemetry.rate import RateLimited
from gb28181.trace.recorder import Recorder
from media.rtmp.server import RtmpServer
from media.rtsp.server import RtspServer
from media.whep.peers import WhepServer
from sip.endpoint import Endpoint
from sip.flow import Flow, host_port

ADMIN = "admin"
STOP_S = 7.5
"""Everything is let go of within this time after a stop was asked for."""

log = get_logger("app")


@dataclass(frozen=True, slots=True)
class Shown:
    """Secrets made at this start; whoever started the platform is shown them once."""

    admin_password: str | None
    device_password: str | None


class App:
    """One node: signalling, media in this process, HTTP."""

    def __init__(self, settings: Settings, show: Callable[[Shown], None]) -> None:
        self.settings = settings
        self._show = show
        self._ready = {"tree": False, "sip": False, "media": False}
        self._stopping = False
        self._housekeeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bring everything up; raises OSError or SipError when a port cannot be had."""
        started = time.monotonic()
        settings = self.settings
        self.store = await Store.open(
            _reveal(settings.database.url),
            settings.data_dir,
            wiring.store_options(settings),
        )
        tokens, nonce_key, device_password = await self._secrets()
        play_key = derived_key(load_key(self.store.data_dir), "play tickets")
        self.tickets = wiring.ticket_office(settings, play_key, self.store.vault)
        await self.tickets.start()
        self._build_media(play_key)
        self._build(tokens, nonce_key, device_password)
        self.http.bind()
        left_open = await self.store.load_dialogs_open()
        for record in left_open:
            self.ssrcs.rest(record.ssrc, asyncio.get_running_loop().time())
        await self.node.start()
        self._ready["media"] = True
        await self.devices.start()
        await self.sources.start()
        self._ready["tree"] = True
        await self.sessions.start()
        await self.forwards.start()
        await self.browsers.start()
        await self.talks.start()
        await self.reports.start()
        await self.conformance.start()
        await self.endpoint.start()
        sip = "{}:{}".format(*self.endpoint.bound)
        log.event(ev.SIP_LISTENING, local=sip, transport="udp and tcp")
        self._warn_of_small_buffer()
        self._ready["sip"] = True
        await self.aftermath.settle(left_open)
        await self.pushes.start()  # they call devices at once
        await self.downloads.start()
        await self.filming.start()
        self.reports.begin()
        await self._listen_rtsp()
        await self._listen_rtmp()
        await self.http.start()
        log.event(ev.API_LISTENING, local="{}:{}".format(*self.http.bound), url=self.http.url)
        self._housekeeping = asyncio.create_task(self._every_second())
        log.event(
            ev.APP_STARTED,
            version=__version__,
            http=self.http.url,
            sip=sip,
            duration_ms=round((time.monotonic() - started) * 1000),
        )

    async def aclose(self) -> None:
        """Let go of everything, in order and in bounded time. Idempotent."""
        if self._stopping:
            return
        self._stopping = True
        started = time.monotonic()
        log.event(ev.APP_STOPPING, reason="asked")
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        for step in self._closers():
            left_s = max(0.5, STOP_S - (time.monotonic() - started))
            try:
                await asyncio.wait_for(step(), left_s)
            except TimeoutError:
                log.event(ev.APP_FAILED, component=step.__qualname__, reason="stopping took long")
            except Exception as error:  # one part's defect must not keep the others from closing
                log.event(
                    ev.APP_FAILED, component=step.__qualname__, reason="stopping", exc_info=error
                )
        log.event(ev.APP_STOPPED, duration_ms=round((time.monotonic() - started) * 1000))

    def _closers(self) -> list[Callable[[], Awaitable[None]]]:
        """What has to be closed, in this order; a start that failed has not made everything."""
        parts = (
            "conformance",
            "playback",
            "reports",
            "control",
            "filming",
            "talks",
            "forwards",
            "pushes",
            "browsers",
            "sessions",
            "replays",
            "downloads",
            "sources",
            "rtmp",
            "rtsp",
            "whep",
            "node",
            "bus",
            "http",
            "devices",
            "endpoint",
            "store",
        )
        made = (getattr(self, name) for name in parts if hasattr(self, name))
        return [part.aclose for part in made]

    # --- building ----------------------------------------------------------------------------

    async def _secrets(self) -> tuple[Tokens, bytes, str]:
        settings, vault = self.settings, self.store.vault
        token_key, _ = await vault.ensure("token_key", lambda: secrets.token_hex(32))
        nonce_key, _ = await vault.ensure("nonce_key", lambda: secrets.token_hex(32))
        device_password, made = _reveal(settings.sip.password), False
        if device_password is None:
            device_password, made = await vault.ensure("sip_password", _readable_secret)
        given = _reveal(settings.admin_password)
        admin = await self.store.accounts.ensure_user(ADMIN, lambda: given or _readable_secret())
        shown = Shown(admin if given is None else None, device_password if made else None)
        self._show(shown)
        for key, new in (("admin_password", shown.admin_password), ("sip.password", made)):
            if new:
                log.event(ev.SECRET_GENERATED, key=key)
        tokens = Tokens(bytes.fromhex(token_key), settings.http.token_lifetime)
        return tokens, bytes.fromhex(nonce_key), device_password

    def _build(self, tokens: Tokens, nonce_key: bytes, device_password: str) -> None:
        settings = self.settings
        self.bus = Bus()
        self.rate = RateLimited(get_logger("sip"), time.monotonic)
        self.metrics = Metrics()
        switchboard = Switchboard(self.rate)
        self.endpoint = Endpoint(wiring.endpoint_options(settings), switchboard)
        self.recorder = Recorder(time.time, self.endpoint.contact_address)
        self.endpoint.tap = self.recorder
        self.devices = DeviceService(
            DeviceOptions.from_settings(settings, device_password),
            store=self.store,
            bus=self.bus,
            sip=self.endpoint,
            nonce_key=nonce_key,
        )
        self.ssrcs = SsrcPool(settings.sip.id, rest_s=settings.sessions.rest)
        self.ledger = Ledger(self.ssrcs)
        dialer = Dialer(
            self.endpoint,
            Identity(settings.sip.id, settings.sip.domain),
            MediaAddresses(str(network) for network in settings.media.allow),
            lambda: secrets.token_hex(8),
        )
        caller = self._caller(dialer)
        self.sessions = SessionService(
            self.devices, caller, self.node, self.bus, wiring.pull_times(settings)
        )
        self.endpoint.measure(self.devices.round_trip)
        self.endpoint.take_brief(self.devices.on_brief)
        self.control = self._control_service()
        self._build_playback(switchboard, dialer)
        self.reports = Reports(self.devices, self.endpoint, self.store, self.bus, self.control)
        switchboard.on_notify = self.reports.incoming.on_notify
        self._build_filming(dialer)
        self.conformance = self._conformance()
        self.aftermath = Aftermath(self.endpoint, self.ledger, self.store, self.devices)
        self.devices.on_state.append(self._device_changed)
        switchboard.connect(self.devices, caller, self.aftermath, self.talks.reception)
        ports, visits = wiring.player_ports(settings), VisitLog(self.rate)
        self.whep = WhepServer(
            self.node,
            ports,
            visits,
            most=settings.media.webrtc_peers,
            on_key_wanted=KeyFrames(self.sessions, self.control),
        )
        self.platform = self._platform(tokens)
        options, door = wiring.rtsp_options(settings), PlayerDoor(self.platform)
        self.rtsp = RtspServer(options, self.node, door, ports, visits)
        published = PublisherLog(self.rate)
        self.rtmp = RtmpServer(wiring.rtmp_options(settings), self.publications, published)
        self.http: HttpServer = HttpServer(create_app(self.platform), settings.http)
        install_figures(self.metrics, self)

    def _caller(self, dialer: Dialer) -> Caller:
        sessions = self.settings.sessions
        caller = Caller(
            self.devices,
            dialer,
            self.ledger,
            self.node,
            self.store,
            CallTimes(sessions.invite_timeout, sessions.media_timeout),
            sessions.rest,
            wiring.media_sources(self.settings),
        )
        options = wiring.source_options(self.settings)
        self.sources = SourceService(
            self.devices.own, self.store.sources, options, self.publications
        )
        self.sources.on_changed = self._source_changed
        self.sources.on_state = self._source_state
        caller.on_fetched = self.sources.fetched
        return caller

    def _source_changed(self, source_id: str) -> None:
        for stream in STREAMS:
            self.sessions.close(StreamKey(source_id, stream).stream_id)

    def _source_state(self, source_id: str, state: str, cause: str) -> None:
        """One that publishes began, or is gone: for its calls it is a device."""
        self.sessions.device_changed(source_id, state, cause)
        self.filming.recordings.device_changed(source_id, state)

    def _build_media(self, play_key: bytes) -> None:
        """The media node, what it is told of tickets, and who looks at it."""
        self.publications = wiring.publications(self.settings)
        self.node = wiring.media_node(self.settings, play_key, self.publications)
        self.node.refuse(self.tickets.revoked.all())
        self.tickets.on_revoked = self.node.refuse
        self.viewers = ViewerBook(self.node)

    def _build_playback(self, switchboard: Switchboard, dialer: Dialer) -> None:
        """What is built on calls: recordings, downloads, talks, pictures sent on."""
        allow, rest_s = map(str, self.settings.media.allow), self.settings.sessions.rest
        self.forwards = Forwards(self.sessions, self.node, allow, rest_s)
        self.pushes = PushService(
            self.sessions,
            self.devices,
            self.node,
            self.store.pushes,
            self.bus,
            wiring.push_options(self.settings),
            dialer.new_id,
        )
        media = self.settings.media
        self.browsers = BrowserStreams(
            self.sessions, self.node, media.transcodes, media.listen_host
        )
        self.talks = self._talk_service(dialer)
        self.archive = Archive(self.devices, self.control)
        self.playback = PlaybackService(self.sessions, self.archive, dialer.new_id)
        self.downloads = DownloadService(
            self.sessions,
            self.archive,
            self.devices,
            self.node,
            self.store.downloads,
            self.bus,
            self.store.data_dir / "downloads",
            dialer.new_id,
            wiring.download_limits(self.settings),
        )
        endings = Endings(self.sessions, self.devices)
        self.devices.on_message_other.append(endings.on_message)
        self.devices.ask_about_strangers(endings.from_stranger)
        switchboard.in_call.append(endings.in_call)

    def _build_filming(self, dialer: Dialer) -> None:
        """What the platform records itself."""
        self.filming = Filming(
            self.sessions,
            self.devices,
            self.node,
            self.store,
            self.bus,
            wiring.recording_options(self.settings),
            dialer.new_id,
        )
        self.filming.offer(self.reports.linkage)
        self.replays = self.filming.replays
        self.playback.others = self.replays.wanted
        self.replays.others = self.browsers.wanted

    def _conformance(self) -> ConformanceService:
        sip = self.settings.sip
        tools = Tools(
            sip.id,
            sip.domain,
            self.devices,
            self.control,
            self.sessions,
            self.node,
            self.reports.subscriber,
            self.reports.wishes,
            OwnRecordings(self.archive, self.playback, self.downloads),
            self.recorder,
            self.endpoint,
        )
        return ConformanceService(tools, self.bus, self.store.data_dir / "conformance")

    def _talk_service(self, dialer: Dialer) -> TalkService:
        talk = self.settings.talk
        desk = Desk(
            devices=self.devices,
            queries=self.control.queries,
            dialer=dialer,
            ledger=self.ledger,
            node=self.node,
            store=self.store,
            server_id=self.settings.sip.id,
            allow=tuple(str(network) for network in self.settings.media.allow),
            times=LegTimes(talk.invite_timeout, talk.connect_timeout),
            response_s=talk.response_timeout,
            rest_s=self.settings.sessions.rest,
            session_changed=self.sessions.changed,
        )
        voices = Voices(
            self.store.data_dir / "voices",
            VoiceOptions(talk.file_size, talk.file_duration, talk.files),
        )
        options = TalkOptions(talk.microphone_wait, talk.targets, talk.open)
        return TalkService(desk, voices, self.bus, options)

    def _platform(self, tokens: Tokens) -> Platform:
        return Platform(
            settings=self.settings,
            version=__version__,
            devices=self.devices,
            sessions=self.sessions,
            forwards=self.forwards,
            pushes=self.pushes,
            browsers=self.browsers,
            control=self.control,
            subscriber=self.reports.subscriber,
            wishes=self.reports.wishes,
            alarms=self.reports.alarms,
            linkage=self.reports.linkage,
            positions=self.reports.positions,
            recorder=self.recorder,
            conformance=self.conformance,
            diagnosis=Diagnosis(self.devices, self.sessions, self.ledger, self.node),
            archive=self.archive,
            playback=self.playback,
            downloads=self.downloads,
            recordings=self.filming.recordings,
            recording_plans=self.filming.plans,
            recorded=self.filming.archive,
            exports=self.filming.exports,
            replays=self.replays,
            room=self.filming.house,
            recovery=self.filming.recovery,
            sources=self.sources,
            talks=self.talks,
            node=self.node,
            pool=self.node,
            whep=self.whep,
            store=self.store,
            bus=self.bus,
            tokens=tokens,
            tickets=self.tickets,
            viewers=self.viewers,
            logins=LoginLimits(self.settings.http.login_attempts, self.settings.http.login_window),
            readiness=lambda: Readiness(**self._ready),
            metrics=self.metrics.render,
            stopping=lambda: self._stopping,
            rtsp_port=self._rtsp_port,
            rtmp_port=lambda: self.rtmp.bound and self.rtmp.bound[1],
        )

    def _control_service(self) -> ControlService:
        return ControlService(
            self.devices,
            self.endpoint,
            self.store.control,
            self.bus,
            wiring.control_options(self.settings),
            folder=self.store.data_dir / "snapshots",
            stills=wiring.stills(self.settings, KeyFrame(self.sessions, self.node)),
            upload_base=self._upload_base,
        )

    def _upload_base(self, flow: Flow) -> str:
        """Where a device brings pictures: the public address, else the one it speaks SIP to."""
        http = self.settings.http
        base = http.public_url
        if not base:
            scheme = "https" if http.cert_file else "http"
            host = self.endpoint.contact_address(flow)[0]
            base = f"{scheme}://{host_port((host, self.http.bound[1]))}"
        return base.rstrip("/") + UPLOAD_PATH

    def _rtsp_port(self) -> int | None:
        bound = self.rtsp.bound
        return None if bound is None else bound[1]

    async def _listen_rtsp(self) -> None:
        """Without its port the platform goes on: pictures go over HTTP all the same."""
        options = self.rtsp.options
        if not options.port:
            return
        local = host_port((options.host, options.port))
        try:
            await self.rtsp.start()
        except OSError as error:
            reason = error.strerror or str(error)
            log.event(events_viewer.VIEWER_UNAVAILABLE, protocol="rtsp", local=local, reason=reason)
        else:
            log.event(events_viewer.VIEWER_LISTENING, protocol="rtsp", local=local)

    async def _listen_rtmp(self) -> None:
        """Without its port the platform goes on: cameras by SIP and RTSP are as before."""
        options = self.rtmp.options
        if not options.port:
            return
        local = host_port((options.host, options.port))
        try:
            await self.rtmp.start()
        except OSError as error:
            reason = error.strerror or str(error)
            log.event(events_source.SOURCE_UNAVAILABLE, protocol="rtmp", local=local, reason=reason)
        else:
            log.event(events_source.SOURCE_LISTENING, protocol="rtmp", local=local)

    def _device_changed(self, device_id: str, state: str, cause: str) -> None:
        self.sessions.device_changed(device_id, state, cause)
        self.downloads.device_changed(device_id, state)
        self.filming.recordings.device_changed(device_id, state)
        self.talks.device_changed(device_id, state)
        self.pushes.device_changed(device_id, state)
        if state == "online":
            self.aftermath.device_back(device_id)

    # --- running -----------------------------------------------------------------------------

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.rate.drain()
            self.reports.drain()
            self.control.queries.drain()
            self.talks.drain()

    def _warn_of_small_buffer(self) -> None:
        wanted, got = self.settings.sip.receive_buffer, self.endpoint.receive_buffer
        if got < wanted:
            log.event(
                ev.SOCKET_BUFFER_SMALL,
                local="{}:{}".format(*self.endpoint.bound),
                wanted=wanted,
                got=got,
                hint=f"sysctl -w net.core.rmem_max={wanted}",
            )


def _reveal(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _readable_secret() -> str:
    """A password people can type: 16 characters without look-alikes, 79 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "".join(secrets.choice(alphabet) for _ in range(16))
