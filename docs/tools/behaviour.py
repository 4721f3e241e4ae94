"""The page of every time-out, limit, count and default; each figure is read from the code.

A row names a setting or a constant; its value is looked up when the page is made, so the page
cannot say 30 s where the code says 20. Settings and time constants (`NAME_S` at the top of a
module) nobody wrote a row for are listed at the end with their own text.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.keys import Key, all_keys, shower
from config.types import PortRange, show_duration, show_size
from docs.tools import behaviour_pushes, behaviour_recording, behaviour_rtmp
from docs.tools.tables import first_sentence, table
from gb28181.api.paging import Limit
from gb28181.device.policy import DevicePolicy
from sip.timers import Timers


@dataclass(frozen=True, slots=True)
class Row:
    """What it is, what it is set to, and where that comes from."""

    what: str
    value: str
    source: str
    """`sessions.linger`, or `gb28181.session.call.CLOSING_S` for what cannot be set."""
    is_setting: bool


def by_setting(name: str, what: str) -> Row:
    """A figure an operator may set."""
    return Row(what, _shown(_keys()[name]), name, True)


def fixed(place: str, what: str, unit: str = "s") -> Row:
    """A constant, `package.module.NAME`, or the default of a field, `package.module.Class.name`."""
    return Row(what, UNITS[unit](constant(place)), place, False)


def argument(place: str, name: str, what: str, unit: str = "s") -> Row:
    """The default of an argument of a function or class."""
    value = inspect.signature(constant(place)).parameters[name].default
    return Row(what, UNITS[unit](value), place, False)


def seconds(number: float) -> str:
    """As in the settings, but `14.8s` where they would say `14800ms`."""
    return f"{number:g}s" if 1 < number < 60 else show_duration(number)


UNITS: dict[str, Callable[[Any], str]] = {
    "s": seconds,
    "": lambda number: f"{number:,g}" if isinstance(number, float) else f"{number:,}",
    "bytes": show_size,
    "per s": lambda number: f"{number:,g} per s",
    "x": lambda number: f"x {number:g}",
    "ms": lambda number: show_duration(number / 1000),
    "word": str,
    "range": lambda numbers: f"{numbers[0]:,} to {numbers[1]:,}",
}


def constant(place: str) -> Any:
    """The value that stands at a dotted place."""
    names = place.split(".")
    for cut in range(len(names) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(names[:cut]))
        except ModuleNotFoundError:
            continue
        break
    else:
        raise LookupError(place)
    for name in names[cut:]:
        fields = getattr(found, "__dataclass_fields__", {})
        found = fields[name].default if name in fields else getattr(found, name)
    return found


@functools.cache
def _keys() -> dict[str, Key]:
    return {key.name: key for key in all_keys().values()}


def _shown(key: Key) -> str:
    value = key.default
    if value is None:
        return "not given"
    if isinstance(value, PortRange):
        return f"{value} ({len(value):,} ports)"
    if key.kind is not None:
        return shower(key.kind)(value)
    if isinstance(value, bool | str) or key.path[-1] == "port":
        return str(value).lower()
    return UNITS[""](value)


def _give_up() -> str:
    return show_duration(Timers().give_up)


def _most_items() -> str:
    [field] = typing.get_args(Limit)[1:]
    return UNITS[""](next(mark.le for mark in field.metadata if hasattr(mark, "le")))


POLICY = DevicePolicy()

HEAD = f"""\
# Behaviour in figures

<!-- Made by `make reference` (docs/tools/behaviour.py); the figures are read from the code. -->

Every time-out, limit, count and default of the platform. What has the name of a
[setting](configuration.md) can be changed there; everything else is fixed, and its place in the
source is named. Durations are written as in the settings.

In short:

- **A device is online** from its accepted REGISTER until its registration expires, or it
  unregisters, or it is silent for {POLICY.keepalive_count} heartbeats in a row
  ({POLICY.silence_s:g} s by default). Any message of it is a sign of life. Lost TCP connections and
  all other causes are on the [page of state machines](../explanation/state-machines.md).
- **A picture** is there, or an error that names the leg that failed, within 15 s in every case.
- **Nothing is banned as a whole.** Limits count for an address together with a device id, because a
  city may sit behind one address.
- **What the outside can fill is bounded**: connections, transactions, queues, caches, lists.
- **A stop** (SIGTERM, SIGINT) is over within 8 s. If the process is killed, what was older than one
  second is on disk and the calls it held get their BYE at the next start.
"""

SIP = (
    by_setting("sip.port", "Port of SIP, UDP and TCP"),
    by_setting("sip.t1", "T1: first retransmission of a request over UDP"),
    by_setting("sip.t2", "T2: longest interval between retransmissions"),
    by_setting("sip.t4", "T4: how long a message may stay in the network"),
    Row("A request without an answer is given up (64 x T1)", _give_up(), "sip.t1", True),
    fixed("sip.timers.Timers.d", "Timer D: a refusal that comes again is acknowledged for so long"),
    fixed("sip.timers.Timers.trying", "100 is sent by itself when an INVITE is not answered yet"),
    fixed("sip.timers.Timers.answer", "An INVITE to us that is never answered gets 408"),
    fixed("sip.parser.Limits.header_bytes", "Largest head of a message", "bytes"),
    fixed("sip.parser.Limits.line_bytes", "Longest header line", "bytes"),
    fixed("sip.parser.Limits.header_count", "Headers of one message", ""),
    fixed("sip.parser.Limits.body_bytes", "Largest body (over TCP)", "bytes"),
    fixed("sip.transport_udp.MAX_DATAGRAM", "Largest datagram read", ""),
    fixed("sip.server_side.MAX_UDP_BYTES", "Largest message sent over UDP", ""),
    fixed("sip.sdp.MAX_BYTES", "Largest SDP", "bytes"),
    fixed("sip.sdp.MAX_LINES", "Lines of an SDP", ""),
    by_setting("sip.max_connections", "TCP connections at one time"),
    fixed(
        "sip.transport_tcp.TcpLimits.per_address",
        "TCP connections of one address with no registered device on them",
        "",
    ),
    fixed(
        "sip.transport_tcp.TcpLimits.idle_s",
        "Such a connection is closed when no whole message came for",
    ),
    fixed(
        "sip.transport_tcp.TcpLimits.write_bytes",
        "Written and not taken: then the connection is cut",
        "bytes",
    ),
    fixed("sip.options.EndpointOptions.connect_timeout_s", "Opening a TCP connection of ours"),
    fixed(
        "sip.options.EndpointOptions.max_server_transactions",
        "Requests not answered yet; above that new ones are dropped and come again",
        "",
    ),
    fixed(
        "sip.options.EndpointOptions.max_answers", "Answers kept for repeated requests over UDP", ""
    ),
    fixed("sip.options.EndpointOptions.max_answer_bytes", "The same in bytes", "bytes"),
    by_setting("sip.receive_buffer", "Receive buffer asked of the kernel for the UDP socket"),
    fixed("sip.transport_udp.DRAIN", "Datagrams read at one wake", ""),
    fixed(
        "sip.transport_udp.PAUSE_S",
        "While datagrams come quickly, the UDP socket is looked at this often",
    ),
    fixed("sip.brief.MOST_BYTES", "A longer datagram never goes the brief way", "bytes"),
    fixed("sip.brief.MOST_TAILS", "Header blocks remembered as plain for the brief way", ""),
)

REGISTRATION = (
    by_setting("devices.unknown", "An unknown id with the right default password"),
    by_setting("devices.expires_default", "Registration time when none is asked for"),
    by_setting("devices.expires_min", "A shorter one is raised to"),
    by_setting("devices.expires_max", "A longer one is lowered to"),
    by_setting("sip.nonce_lifetime", "Life of a nonce; afterwards 401 with stale=true"),
    fixed("sip.nonce.NONCES_PER_USER", "Nonces of one user whose counts are remembered", ""),
    fixed("sip.nonce.WINDOW", "Counts (nc) of a nonce that may come out of order", ""),
    fixed("sip.nonce.MAX_USERS", "Users whose counts are remembered", ""),
    fixed("sip.digest.MAX_HEADER", "Longest Authorization that is read", ""),
    fixed("gb28181.device.policy.DevicePolicy.algorithm", "Algorithm of the challenge", "word"),
    by_setting("sip.auth_failures", "Wrong passwords of one (address, id) before it is locked"),
    by_setting(
        "sip.auth_window",
        "Window they are counted in, and the first lock (403, credentials unread); each further"
        " lock is twice as long",
    ),
    fixed("gb28181.device.limits.LONGEST_LOCK_S", "Longest lock"),
    fixed("gb28181.device.registrar.CHALLENGES_PER_S", "Challenges for one (address, id)", "per s"),
    fixed("gb28181.device.registrar.CHALLENGE_BURST", "The same, at once", ""),
    fixed(
        "gb28181.device.registrar.STRANGERS_PER_S",
        "Challenges per address for ids nobody knows",
        "per s",
    ),
    fixed("gb28181.device.registrar.STRANGER_BURST", "The same, at once", ""),
    by_setting("sip.malformed_rate", "Error answers per second to one address for malformed input"),
    fixed("gb28181.device.service.MALFORMED_BURST", "The same, at once", ""),
    fixed(
        "gb28181.device.registering.SILENT_PER_S",
        "Requests left without an answer when a budget is used up; beyond that 503",
        "per s",
    ),
    fixed("gb28181.device.registering.SILENT_BURST", "The same, at once", ""),
    fixed("gb28181.device.limits.MAX_KEYS", "Addresses and ids a limit remembers", ""),
    fixed("gb28181.device.registering.MOST_PENDING", "Devices that may wait for approval", ""),
    fixed("gb28181.device.warnings.MOST_NOTES", "`config_warnings` of one device", ""),
    fixed("gb28181.device.registry.CHALLENGE_S", "A challenge nobody answers is forgotten after"),
)

KEEPALIVE = (
    by_setting("devices.keepalive_interval", "Heartbeat interval expected of a device"),
    by_setting("devices.keepalive_count", "Heartbeats missed in a row before it is offline"),
    Row(
        "Silence after which a device is offline: interval x count, and a tenth of the interval,"
        " at most 5 s",
        show_duration(POLICY.silence_s),
        "gb28181.device.policy.DevicePolicy.silence_s",
        False,
    ),
    fixed("gb28181.device.intake.KNOWN_PER_S", "403s to messages in the name of one id", "per s"),
    fixed("gb28181.device.intake.KNOWN_BURST", "The same, at once", ""),
    fixed("gb28181.device.intake.STRANGER_RATE", "403s per address for unknown ids", "per s"),
    fixed("gb28181.device.intake.STRANGER_BURST", "The same, at once", ""),
    fixed(
        "gb28181.device.options.DeviceOptions.keepalive_save_s",
        "Times of heartbeats are written to disk every",
    ),
)

QUERIES = (
    by_setting("devices.auto_query", "Ask DeviceInfo, then Catalog, after coming from offline"),
    by_setting("devices.query_rate", "Devices asked per second when many come at once"),
    by_setting("devices.query_outstanding", "Devices being asked at one time"),
    by_setting("devices.catalog_first", "First page of a catalog"),
    by_setting("devices.catalog_quiet", "Next page; also how long a removal is waited for"),
    fixed("catalog.sync.SyncOptions.total_s", "Longest life of a catalog query"),
    fixed("catalog.sync.SyncOptions.most_items", "Items of one catalog", ""),
    fixed(
        "gb28181.device.options.DeviceOptions.catalog_retries",
        "An incomplete catalog is asked for again so often",
        "",
    ),
    fixed(
        "gb28181.device.options.DeviceOptions.catalog_backoff_s",
        "Pause before the first repetition; it doubles",
    ),
    fixed(
        "gb28181.device.asking.MUTE_FACTOR",
        "The pause for a device that did not answer at SIP level",
        "x",
    ),
    argument(
        "gb28181.device.service.DeviceService.query_catalog",
        "timeout",
        "`POST /api/v1/devices/{device_id}/catalog` waits at most",
    ),
    fixed("gb28181.device.options.DeviceOptions.device_info_wait_s", "Waiting for a DeviceInfo"),
    fixed("gb28181.device.catalogs.COLLECT_S", "Pages are collected before the tree changes"),
    fixed(
        "gb28181.device.options.DeviceOptions.tree_interval_s",
        "`tree.changed` events, at most every",
    ),
    fixed("gb28181.manscdp.xml.Limits.bytes", "Largest MANSCDP body", "bytes"),
    fixed("gb28181.manscdp.xml.Limits.depth", "Depth of its elements", ""),
    fixed("gb28181.manscdp.xml.Limits.nodes", "Number of its elements", ""),
)

SESSIONS = (
    by_setting("sessions.invite_timeout", "Final answer to an INVITE; leg `invite_timeout`"),
    by_setting("sessions.media_timeout", "From the answer to the first picture; leg `no_media`"),
    fixed("gb28181.session.call.CallTimes.total_s", "From INVITE to picture, all in all"),
    fixed("gb28181.session.service.ANSWER_S", "`POST .../live` answers within"),
    by_setting("sessions.silence_timeout", "No packet: the stream has stopped; `media_stopped`"),
    by_setting("sessions.linger", "No viewer: BYE"),
    by_setting("sessions.reinvite_window", "A broken stream with viewers is called again for"),
    by_setting("sessions.reinvite_backoff", "Pause before the first such call; it doubles"),
    fixed("gb28181.session.pull.LONGEST_PAUSE_S", "Longest such pause"),
    fixed("gb28181.session.pull.STABLE_S", "A call that ran so long ends the trouble"),
    by_setting("sessions.offline_grace", "Viewers are kept while their device is offline"),
    fixed("gb28181.session.call.CLOSING_S", "Waiting for the answer to a BYE"),
    fixed(
        "gb28181.session.call.LATE_ANSWER_S",
        "A given-up INVITE is still listened for; SSRC and port stay held, and the port rests that"
        " much longer",
    ),
    by_setting("sessions.rest", "A port and an SSRC rest after the end"),
    fixed("gb28181.session.ssrc.SERIALS", "SSRCs of each kind, live and historical", ""),
    fixed("gb28181.session.service.TICK_S", "Ledger and media node are compared every"),
    fixed("gb28181.session.ledger.ORPHAN_GRACE_S", "A receiver nobody holds is closed after"),
    fixed("gb28181.session.ledger.HISTORY", "Ended sessions that can still be asked for", ""),
)

SOURCES = (
    by_setting("sources.check_interval", "Each camera is asked whether it is there every"),
    fixed("gb28181.sources.service.CHECKS_AT_ONCE", "Cameras asked at one time", ""),
    fixed("gb28181.sources.address.MOST_URL", "Longest address", ""),
    fixed("media.reaching.CONNECT_S", "Resolving a name, and connecting, take at most"),
    fixed("media.rtsp.asking.ANSWER_S", "An answer of the camera comes within"),
    fixed("media.rtsp.asking.TIMEOUT_S", "Time-out of a session whose camera names none"),
    fixed("media.rtsp.asking.LEAST_KEEPALIVE_S", "Keepalives, at half of it, are this far apart"),
    fixed("media.rtsp.reply.MAX_BODY", "Longest description", "bytes"),
    fixed("media.rtsp.reply.MAX_HEAD", "Longest head of an answer", "bytes"),
    fixed("media.rtsp.tracks.MAX_TRACKS", "Tracks of a description that are looked at", ""),
    fixed("media.receive.sound_in.MAX_UNITS", "AAC frames of one packet", ""),
)

MEDIA = (
    by_setting("media.ports", "Ports media is received on, one per stream, even ones first"),
    fixed("media.ports.REFUSED_S", "A port another program holds is tried again after"),
    fixed("media.receive.udp.RECEIVE_BUFFER", "Receive buffer of a media socket", "bytes"),
    fixed("media.receive.udp.DRAIN", "Packets read at one wake", ""),
    fixed(
        "media.receive.source_lock.SILENCE_S", "The lock on a sender opens after so much silence"
    ),
    fixed(
        "media.receive.source_lock.EVIDENCE_PACKETS",
        "Packets in a row that make a sender believable without PS or the asked SSRC",
        "",
    ),
    fixed("media.receive.source_lock.MAX_CANDIDATES", "Senders being judged at one time", ""),
    fixed("media.receive.tcp.CONNECT_ATTEMPTS", "tcp-active: attempts to connect", ""),
    fixed("media.receive.tcp.CONNECT_PAUSE_S", "tcp-active: pause between two"),
    fixed("media.receive.tcp.CONNECT_TIMEOUT_S", "tcp-active: time of one attempt"),
    fixed("media.receive.tcp.MAX_CONNECTIONS", "tcp-passive: connections of one port", ""),
    fixed("media.rtp.reorder.WINDOW", "Packets waited for out of order (UDP)", ""),
    argument("media.receive.pipeline.Pipeline", "max_wait", "Time they are waited for"),
    fixed(
        "media.receive.pipeline.SILENT_S",
        "Another SSRC takes over after so much silence of the first",
    ),
    fixed("media.receive.pipeline.TAKEOVER", "or after so many packets in a row", ""),
    fixed("media.receive.assembler.MAX_FRAME", "Largest picture; a larger one is dropped", "bytes"),
    fixed(
        "media.receive.assembler.QUIET_S", "A whole picture that nothing follows is given out after"
    ),
    fixed("media.receive.assembler.FROZEN_S", "A time stamp that stands still is noticed after"),
    fixed("media.stream.UNSUPPORTED_AFTER_S", "Unknown sound alone counts as a failure after"),
    by_setting("media.single_port", "One port for all streams; 0: one for each"),
    fixed("media.receive.single_tcp.FIRST_S", "On it, a connection sends its first packet within"),
    fixed("media.receive.single_tcp.MOST_WAITING", "Connections that wait for that", ""),
    fixed("media.receive.single_tcp.MOST_WAITING_PER_ADDRESS", "and from one address", ""),
    fixed("media.receive.single_tcp.MOST_BYTES", "Bytes of one before that", "bytes"),
    by_setting("media.report_interval", "Pause between RTCP receiver reports over UDP"),
    fixed("media.receive.jitter.JUMP_S", "A time stamp that jumps further is no jitter"),
    fixed("media.ts.tables.MAX_SECTION", "Longest table of a transport stream", "bytes"),
    fixed("media.inprocess.FLUSH_S", "Streams are looked at for what is due every"),
    by_setting("media.gop_bytes", "Pictures kept for viewers that join"),
    by_setting("media.gop_duration", "The same in time"),
    by_setting("media.viewers_per_stream", "Viewers of one stream; the next one gets 503"),
    by_setting("media.viewers_per_node", "Viewers of all streams; the next one gets 503"),
    by_setting("media.sounds", "Streams AAC is made for; the next one goes out without sound"),
    fixed(
        "media.sound.shop.MOST_WAITING", "G.711 waiting for that; then the oldest is lost", "bytes"
    ),
    fixed("media.hls.segments.LISTED", "HLS: whole segments a playlist names", ""),
    fixed("media.hls.segments.SPARE", "HLS: segments kept behind those", ""),
    fixed("media.hls.segments.MOST_BYTES", "HLS: bytes kept of a stream", "bytes"),
    fixed("media.hls.segments.LEAST_TARGET_S", "HLS: smallest target duration"),
    fixed("media.hls.segments.MOST_FIRST_S", "HLS: a first segment without an end is cut after"),
    fixed("media.hls.segments.PART", "HLS: longest part, in ticks of 90 kHz", ""),
    fixed(
        "media.output.interleave.HOLD", "HLS: picture and sound wait for each other, in ticks", ""
    ),
    fixed("media.hls.feed.FIRST_S", "HLS: the first playlist waits for a segment; then 503"),
    fixed("media.hls.feed.RELOAD_TARGETS", "HLS: a reload waits so many target durations", "x"),
    fixed("media.hls.feed.IDLE_S", "HLS: a player that asks for nothing is gone after"),
    fixed("media.hls.feed.MOST_PENDING", "HLS: requests of a player that wait at one time", ""),
    by_setting("media.viewer_queue", "Waiting for one viewer; then it is cut to a key frame"),
    fixed("gb28181.session.forwards.MOST", "Streams sent on at one time; then 503", ""),
    by_setting("media.transcodes", "Streams of H.265 that H.264 is made of; then 503"),
    fixed("gb28181.session.browsers.LINGER_S", "Made H.264 nobody looks at ends after"),
    fixed("gb28181.session.browsers.SUB_S", "A sub stream is waited for before H.264 is made"),
    fixed("gb28181.session.browsers.REMEMBER_S", "and one that is no H.264 not asked for again"),
    fixed("media.transcode.work.FIRST_S", "The first picture made has to come within"),
    fixed("media.transcode.transcoder.MOST_WIDTH", "Widest picture that is made, in pixels", ""),
    fixed("media.transcode.transcoder.MOST_PIXELS", "Most pixels of one it is made of", ""),
    fixed("media.transcode.child.MEMORY", "Address space of the process that makes it", "bytes"),
    fixed("media.send.forward.CONNECT_S", "A stream to send on that nobody takes ends after"),
    fixed("media.send.forward.STALL_S", "and one whose connection takes nothing"),
    fixed("media.send.forward.AT_ONCE", "Packets given to such a connection at one time", ""),
    fixed("media.output.ps_output.MAX_PAYLOAD", "Program stream in one RTP packet", "bytes"),
    fixed("media.still.studio.MOST_WAITING", "Pictures that wait for a process; then 503", ""),
    fixed("media.still.child.MEMORY", "Address space of such a process", "bytes"),
    fixed("media.still.wire.MOST_BYTES", "Largest key frame that is decoded", "bytes"),
    fixed("gb28181.control.stills.MOST_KEPT", "Pictures kept in memory", "bytes"),
    by_setting("media.viewer_stall", "A viewer that reads nothing is disconnected after"),
    fixed("media.output.viewers.MAX_READ_BYTES", "Handed to a viewer at one time", "bytes"),
)

PLAYERS = (
    by_setting("media.rtsp_port", "Port of RTSP; 0 turns it off"),
    fixed(
        "gb28181.wiring.PLAYER_PORTS",
        "UDP ports towards players behind `media.ports` (setting `media.player_ports`)",
        "",
    ),
    fixed("media.rtp.pack.MAX_PAYLOAD", "Largest RTP payload", "bytes"),
    fixed("media.describing.BEGIN_S", "A running stream is described within"),
    fixed("media.rtsp.server.RtspOptions.connections", "Connections of all players", ""),
    fixed("media.rtsp.server.RtspOptions.connections_per_address", "and from one address", ""),
    fixed("media.rtsp.connection.MOST_SESSIONS", "Sessions of one connection", ""),
    fixed("media.rtsp.connection.MOST_WAITING", "Requests of one connection that may wait", ""),
    fixed("media.rtsp.connection.REQUEST_S", "A request that has begun is complete within"),
    fixed("media.rtsp.connection.IDLE_S", "A connection without a session is closed after"),
    fixed("media.rtsp.connection.MOST_REFUSALS", "Refused credentials that close it", ""),
    fixed("media.rtsp.message.MAX_HEAD", "Largest head of a request", "bytes"),
    fixed("media.rtsp.message.MAX_BODY", "Largest body of a request", "bytes"),
    fixed(
        "media.rtsp.session.TIMEOUT_S",
        "A session is over when nothing was heard: no request, no report, no bytes taken over TCP",
    ),
    fixed("media.rtp.udp.BURST", "UDP: packets sent without a pause", ""),
    fixed("media.rtp.udp.BURST_PAUSE_S", "UDP: pause between two bursts"),
    fixed("media.rtp.udp.REFUSALS", "UDP: refusals of the player's host that end it", ""),
    fixed("media.rtp.udp.REST_S", "UDP: a pair of ports rests"),
)

WEBRTC = (
    by_setting("media.webrtc_peers", "Browsers over WebRTC; the next one gets 503"),
    fixed("media.whep.sdp.MAX_OFFER", "Largest offer", "bytes"),
    fixed("media.whep.peer.CONNECT_S", "A browser that has not connected is let go after"),
    fixed("media.whep.peer.MEMORY", "Packets that can be sent again", ""),
    fixed("media.whep.peer.REPEATS", "Packets sent again between two reads of the stream", ""),
    fixed("media.whep.link.MOST_QUEUED", "Datagrams of a browser that may wait", ""),
    fixed("media.whep.peers.CERTIFICATE_S", "A certificate is used for new browsers for"),
    fixed("gb28181.api.key_frames.PAUSE_S", "A camera is asked for a key frame at most every"),
)

VOICE = (
    by_setting("talk.response_timeout", "A device's Response to the broadcast notification"),
    by_setting("talk.invite_timeout", "Its INVITE after that; its answer to an INVITE of ours"),
    by_setting("talk.connect_timeout", "Its ACK and, over TCP, the connection for the sound"),
    fixed("gb28181.talk.leg.EARLY_S", "BYE so soon after the start is told as another reason"),
    fixed("gb28181.talk.leg.HANGUP_S", "A BYE behind a broken connection is waited for"),
    fixed("gb28181.talk.leg.ACK_S", "Our BYE waits for the ACK of our 200 at most"),
    fixed("gb28181.talk.leg.CLOSING_S", "The answer to our BYE"),
    fixed("gb28181.talk.leg.LATE_ANSWER_S", "An INVITE of ours that was given up is listened for"),
    by_setting("talk.microphone_wait", "A talk without a microphone ends after"),
    by_setting("talk.targets", "Targets of one talk"),
    by_setting("talk.open", "Talks at one time; the next one gets 503"),
    fixed("gb28181.talk.service.PARALLEL", "Targets on their way at one time; others wait", ""),
    fixed("gb28181.talk.service.HISTORY", "Ended talks that can still be asked for", ""),
    fixed("gb28181.talk.service.SHUTDOWN_S", "At stop: waiting for the answers to our BYEs"),
    fixed("gb28181.talk.microphone.AHEAD_S", "More sound than time a microphone may bring"),
    fixed("gb28181.talk.microphone.MOST_CHUNK", "Largest message of a microphone", "bytes"),
    fixed("gb28181.talk.microphone.MOST_HEARD", "Packets of a device that wait for a listener", ""),
    by_setting("talk.file_size", "Largest audio file"),
    by_setting("talk.file_duration", "Longest recorded speech"),
    by_setting("talk.files", "Recorded speeches kept; the next one gets 409"),
    fixed("gb28181.talk.voices.PARALLEL", "Audio files decoded at one time", ""),
    fixed("gb28181.talk.voices.WAITING", "and waiting for it; the next one gets 503", ""),
    fixed("gb28181.talk.voices.MOST_NAME", "Longest name of one", ""),
    fixed("gb28181.api.talks.ANSWER_S", "A call to speak to one target answers within"),
    fixed("gb28181.api.microphones.EVENT_QUEUE", "Changes a speaker may be behind", ""),
    fixed("media.voice.voice.FRAME_S", "Sound in one RTP packet"),
    fixed("media.voice.voice.LATENCY_S", "Speech that would be heard later than this is left out"),
    fixed(
        "media.voice.voice.START_FRAMES",
        "Packets of speech that are waited for at its beginning",
        "",
    ),
    fixed("media.voice.voice.LATE_S", "A clock that was later than this is not caught up with"),
    fixed("media.send.outbox.MOST_PACKETS", "TCP: packets waiting for one device", ""),
    fixed("media.sound.speech.RATES", "Sample rate of a microphone", "range"),
    fixed("media.voice.audio.MOST_HEARD", "Samples in one packet of a device's microphone", ""),
    fixed(
        "media.voice.audio.MOST_LATE", "Packets of it that come out of order are left out up to", ""
    ),
)

HTTP = (
    by_setting("http.port", "Port of API, streams and console"),
    fixed("media.output.connection.HEAD_S", "The head of a request is complete within"),
    fixed("media.output.connection.MOST_HEAD", "Largest head of a request", "bytes"),
    by_setting("http.token_lifetime", "Access token"),
    by_setting("http.ticket_lifetime", "Ticket: time to open a stream; an open one goes on"),
    fixed("gb28181.session.tickets.LONGEST_S", "No ticket is good for longer than"),
    fixed("gb28181.session.viewers.MOST_USERS", "Users whose viewers and bytes are summed", ""),
    fixed("media.worker.remote.CALL_S", "A relay is reached within, or tried again"),
    fixed("media.worker.relay.PROVE_S", "Who calls a relay proves itself within"),
    fixed("media.worker.relay.WAITING", "Callers of a relay that have not yet, at one time", ""),
    fixed("gb28181.api.elsewhere.REDIRECT_S", "A ticket in a redirection to a worker"),
    fixed("media.revoked.MOST", "Tickets and users taken back, kept at one time", ""),
    by_setting("http.login_attempts", "Failed logins of one (user, address), then 429"),
    by_setting("http.login_window", "Window they are counted in"),
    fixed("gb28181.api.limits.MAX_KEYS", "Users and addresses remembered for that", ""),
    fixed("gb28181.store.passwords.PARALLEL", "Passwords checked at one time", ""),
    fixed("gb28181.api.auth.MAX_CREDENTIAL", "Longest user name or password", ""),
    fixed("gb28181.api.guard.CACHE_S", "A disabled user or a deleted key is out within"),
    by_setting("http.max_body", "Largest body of a request"),
    Row("Items of a list, at most", _most_items(), "gb28181.api.paging.Limit", False),
    argument("catalog.tree.Tree.channels", "limit", "Items of a list when no limit is given", ""),
    by_setting("http.event_queue", "Events a subscriber may be behind; then the oldest are lost"),
    fixed("gb28181.api.server.BACKLOG", "Connections waiting to be accepted", ""),
    fixed("gb28181.device.managing.MOST_NAME", "Longest name of a device", ""),
    fixed("gb28181.device.managing.MOST_PASSWORD", "Longest password of a device", ""),
    fixed("gb28181.health.TIMEOUT_S", "`python -m gb28181.health` waits"),
)

STORE = (
    by_setting("store.flush_interval", "A change is on disk within"),
    fixed("gb28181.store.writer.BATCH_ROWS", "Rows of one transaction", ""),
    fixed("gb28181.store.writer.MAX_PAUSE_S", "A failing database is tried again at least every"),
    fixed("gb28181.store.options.StoreOptions.queue_limit", "Rows kept while it fails", ""),
    fixed("gb28181.store.options.StoreOptions.busy_timeout_ms", "SQLite: waiting for a lock", "ms"),
    by_setting("store.retention_days", "Days that intervals, dialogs and runs are kept"),
    by_setting("store.retention_interval", "Older ones are removed every"),
    fixed("gb28181.store.options.StoreOptions.purge_first_s", "and for the first time after"),
    fixed(
        "gb28181.store.options.StoreOptions.alive_interval_s",
        "The run notes that it lives, every; so exact is a downtime after kill -9",
    ),
)

LOGS = (
    by_setting("logs.format", "Form of the lines"),
    by_setting("logs.level", "Lowest level written"),
    argument(
        "gb28181.telemetry.rate.RateLimited",
        "interval",
        "Equal warnings of one source: at most one line per",
    ),
    argument(
        "gb28181.telemetry.rate.RateLimited", "max_sources", "Sources told apart for that", ""
    ),
    fixed("gb28181.telemetry.redact.MAX_TEXT", "Longest text in a line", ""),
    fixed("gb28181.telemetry.logs.MAX_TRACEBACK", "Longest traceback in a line", ""),
)

STOP = (
    fixed("gb28181.app.STOP_S", "All of it"),
    fixed("media.worker.remote.CLOSE_S", "Waiting for a relay to let go"),
    fixed("gb28181.session.service.SHUTDOWN_S", "Waiting for the answers to our BYEs"),
    fixed("gb28181.api.server.GRACE_S", "Open HTTP requests"),
    fixed("gb28181.device.asking.CLOSE_S", "Queries under way"),
    fixed("gb28181.store.options.StoreOptions.close_timeout_s", "The last flush"),
)

PARTS: dict[str, tuple[str, tuple[Row, ...]]] = {
    "SIP": ("", SIP),
    "Registration": (
        "Most of these can be set per device as well (`PATCH /api/v1/devices/{device_id}`):"
        f" {', '.join(f'`{name}`' for name in constant('gb28181.device.policy.KEYS'))}.",
        REGISTRATION,
    ),
    "Heartbeats": (
        "A heartbeat under a registration that still holds: 200. From the same address and another"
        " port or connection it also moves the device there. From another address, or without a"
        " registration: 403, and the device registers again.",
        KEEPALIVE,
    ),
    "Queries and catalogs": (
        "After a first registration and one after offline: DeviceInfo, then Catalog. A refresh asks"
        " nothing. Only a complete catalog removes channels.",
        QUERIES,
    ),
    "Sessions": ("", SESSIONS),
    "Cameras without SIP (RTSP)": ("", SOURCES),
    "RTMP": (
        "Cameras that publish, and streams that are pushed.",
        (
            *(by_setting(name, what) for name, what in behaviour_rtmp.BY_SETTING),
            *(fixed(place, what, unit) for place, what, unit in behaviour_rtmp.FIXED),
        ),
    ),
    "Media": ("", MEDIA),
    "Players over RTSP": ("", PLAYERS),
    "Browsers over WebRTC": ("", WEBRTC),
    "Pushing to other servers": (
        "Names, answers and keepalives of RTSP: as for cameras without SIP.",
        (
            *(by_setting(name, what) for name, what in behaviour_pushes.BY_SETTING),
            *(fixed(place, what, unit) for place, what, unit in behaviour_pushes.FIXED),
        ),
    ),
    "Recording": (
        "What the platform records itself.",
        (
            *(by_setting(name, what) for name, what in behaviour_recording.BY_SETTING),
            *(fixed(place, what, unit) for place, what, unit in behaviour_recording.FIXED),
        ),
    ),
    "Voice": (
        "A loudspeaker gets 50 packets a second, silence included, from its ACK (or connection) to"
        " BYE.",
        VOICE,
    ),
    "HTTP": ("", HTTP),
    "Store": (
        "Written at once: the row of a dialog before its INVITE leaves, and what an operator"
        " enters.",
        STORE,
    ),
    "Logs": ("", LOGS),
    "Stop": (
        "In this order: calls end with BYE, streams and viewers close, event subscribers, HTTP,"
        " queries, SIP, the store.",
        STOP,
    ),
}


ROOT = Path(__file__).resolve().parents[2]
NOT_YET = "no effect yet"
PACKAGES = ("sip", "media", "catalog", "gb28181")

# Times nobody outside can notice, and those a setting replaces.
INTERNAL = frozenset(
    {
        "gb28181.device.options.DAY_S",
        "gb28181.session.ssrc.REST_S",
        "gb28181.store.migrate.WAL_PAUSE_S",
        "media.output.unread.LOOK_S",
        "media.ports.REST_S",
        "media.receive.udp.LOOK_PAUSE_S",
        "media.listener.LOOK_S",
    }
)


def rows() -> list[Row]:
    return [row for _, part in PARTS.values() for row in part]


def further() -> list[Row]:
    """Settings and time constants nobody wrote a row for, each with its own text."""
    written = {row.source for row in rows()} | INTERNAL
    found = [
        by_setting(name, key.meaning)
        for name, key in _keys().items()
        if name not in written and is_figure(key)
    ]
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if module.startswith("gb28181.simulator"):
                continue
            for name, words in _times(ast.parse(path.read_text("utf-8"))):
                if f"{module}.{name}" not in written:
                    found.append(fixed(f"{module}.{name}", words))
    return found


def is_figure(key: Key) -> bool:
    """A time, a size, a count: what this page is about."""
    counts = key.kind in ("duration", "size", "ports") or bool(key.limits)
    return counts and key.default is not None and NOT_YET not in key.meaning


def _times(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Name and text of each `NAME_S = ...` at the top of a module."""
    for node, below in zip(tree.body, [*tree.body[1:], None], strict=True):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and re.fullmatch(r"[A-Z][A-Z0-9_]*_S", target.id):
            is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            text = str(below.value.value) if is_text else target.id[:-2].lower().replace("_", " ")
            yield target.id, first_sentence(text)


def page() -> str:
    parts = [HEAD]
    rest = further()
    shown = {**PARTS, "Further": ("", tuple(rest))} if rest else PARTS
    for title, (words, part) in shown.items():
        parts += [f"## {title}", ""]
        if words:
            parts += [words, ""]
        parts.append(
            table(
                ("What", "Value", "Where"),
                ((row.what, row.value, _where(row)) for row in part),
            )
        )
    return "\n".join(parts).rstrip("\n") + "\n"


def _where(row: Row) -> str:
    return f"setting `{row.source}`" if row.is_setting else f"`{row.source}`"
