"""The sections of the settings: every key with its type, default, limits and meaning.

The text under a key is its documentation: the reference page and the example file are made from
it. Durations are seconds, sizes bytes. What is listened on (`host`, `port`) and what is told to
others (`announce_host`, `public_url`) are separate keys. Rules between keys stand in `check.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from config.types import Cidr, Duration, PortRange, Ports, SecretText, Size, parse_list

Port = Annotated[int, Field(ge=0, le=65535)]
MIB = 2**20
DAY = 86400.0


class Section(BaseModel):
    """Frozen, knows no unknown key, and takes the text under each key as its description."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
        validate_default=False,
    )


class SipSettings(Section):
    """The SIP server: who we are, where we listen, what we tell devices."""

    id: str = Field("64000000002000000001", pattern=r"^\d{20}$")
    """20-digit id of this platform; devices enter it as the SIP server id."""
    domain: str = Field("6400000000", pattern=r"^[0-9A-Za-z.-]{1,64}$")
    """SIP domain, usually the first ten digits of `id` (also the default when only `id` is set)."""
    realm: str | None = None
    """Realm of the digest challenge; the domain when not given."""
    host: str = "0.0.0.0"
    """Address the UDP and TCP sockets listen on."""
    port: Port = 5060
    """Port the UDP and TCP sockets listen on; 0 takes a free one."""
    announce_host: str | None = None
    """Address told to devices in Via and Contact; the local address of each flow when not given."""
    announce_port: Port | None = None
    """Port told to devices in Via and Contact, where NAT maps it; `port` when not given."""
    password: SecretText | None = None
    """Default device password; generated at first start, stored and shown once when not given."""
    nonce_lifetime: Duration = Field(300.0, ge=10, le=DAY)
    """How long a digest nonce is good; an older one gets 401 with stale=true."""
    t1: Duration = Field(0.5, ge=0.05, le=5)
    """RFC 3261 timer T1, the round-trip estimate; a request is given up after 64 x T1."""
    t2: Duration = Field(4.0, ge=0.1, le=30)
    """RFC 3261 timer T2, the longest interval between retransmissions."""
    t4: Duration = Field(5.0, ge=0.1, le=60)
    """RFC 3261 timer T4, the longest time a message stays in the network."""
    receive_buffer: Size = Field(4 * MIB, ge=65536, le=256 * MIB)
    """Receive buffer asked of the kernel for the UDP socket; less is logged once with a hint."""
    max_connections: int = Field(20000, ge=1, le=1_000_000)
    """SIP connections over TCP at one time."""
    malformed_rate: float = Field(20.0, ge=0, le=100_000)
    """Error answers per second to one address for malformed messages; more get silence."""
    auth_failures: int = Field(10, ge=1, le=1000)
    """Wrong passwords of one (address, device id) within `auth_window` before it is locked out: 403
    without a look at the password, for one window, then twice as long each time."""
    auth_window: Duration = Field(60.0, ge=1, le=DAY)
    """Window in which `auth_failures` are counted."""

    @model_validator(mode="before")
    @classmethod
    def _domain_from_id(cls, values: Any) -> Any:
        if (
            isinstance(values, dict)
            and "domain" not in values
            and isinstance(values.get("id"), str)
        ):
            return {**values, "domain": values["id"][:10]}
        return values


Placement = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9A-Za-z._-]{1,64}=(0\.[0-9]*[1-9]|[1-9][0-9]{0,3}(\.[0-9]+)?)"
        r"(@[0-9]{2,8}(\+[0-9]{2,8})*)?$"
    ),
]
HOST_PORT = r"^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]{1,253}):[0-9]{1,5}$"
RelayName = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-Za-z._-]{1,64}@" + HOST_PORT.removeprefix("^"))
]
Subscribed = Literal["catalog", "alarm", "position", "ptz_position"]


class DeviceSettings(Section):
    """How devices are admitted, watched and asked; most can be set per device as well."""

    unknown: Literal["accept", "approve", "refuse"] = "accept"
    """An unknown id with the right default password: accept, hold for approval, or refuse."""
    auto_query: bool = True
    """Ask DeviceInfo and Catalog after a first registration and after one that follows offline."""
    keepalive_interval: Duration = Field(60.0, ge=1, le=3600)
    """Heartbeat interval expected of a device."""
    keepalive_count: int = Field(3, ge=1, le=100)
    """Heartbeats missed in a row before a device is offline."""
    expires_default: Duration = Field(3600.0, ge=60, le=7 * DAY)
    """Registration time granted when the device asks for none."""
    expires_min: Duration = Field(60.0, ge=1, le=DAY)
    """A shorter registration time is raised to this in the 200 (never refused with 423)."""
    expires_max: Duration = Field(7 * DAY, ge=60, le=365 * DAY)
    """A longer registration time is lowered to this in the 200."""
    query_rate: float = Field(50.0, ge=0.1, le=10_000)
    """Devices per second that are asked for DeviceInfo and Catalog when many come at once."""
    query_outstanding: int = Field(200, ge=1, le=100_000)
    """Queries waiting for their answer at one time."""
    catalog_first: Duration = Field(30.0, ge=1, le=600)
    """How long the first page of a catalog may take."""
    catalog_quiet: Duration = Field(5.0, ge=0.5, le=600)
    """Silence between two pages after which an incomplete catalog is taken as partial."""
    subscribe: Annotated[tuple[Subscribed, ...], BeforeValidator(parse_list)] = ()
    """What is subscribed to at every device that has no setting of its own: `catalog`, `alarm`,
    `position`, `ptz_position`. Devices send alarms by themselves; most need none of these.
    """
    subscribe_expires: int = Field(600, ge=60, le=86_400)
    """Seconds a subscription is asked for; it is refreshed before its end."""
    redirect: str = Field("", pattern=r"^([0-9]{20}@[0-9A-Za-z.:\[\]-]+:[0-9]{1,5})?$")
    """Another server, as `id@host:port`, that devices of the edition of 2022 are sent to with 302
    when they register here; none when empty. Also per device.
    """


class SessionSettings(Section):
    """How long calls to devices may take and how long streams stay open."""

    linger: Duration = Field(30.0, ge=0, le=DAY)
    """Time without a viewer before BYE, from the start or from the last viewer's leaving."""
    invite_timeout: Duration = Field(8.0, ge=0.5, le=60)
    """Time for the final answer to an INVITE; then CANCEL, and the leg is `invite_timeout`."""
    media_timeout: Duration = Field(6.0, ge=0.5, le=60)
    """Time from the answer to the first picture that decodes; then the leg is `no_media`."""
    silence_timeout: Duration = Field(10.0, ge=1, le=600)
    """Time without a packet after which a running stream counts as stopped."""
    reinvite_window: Duration = Field(30.0, ge=0, le=3600)
    """While people watch, a broken stream is invited again for this long; the viewers stay."""
    reinvite_backoff: Duration = Field(1.0, ge=0.1, le=60)
    """Pause before the first repeated INVITE; it doubles each time up to 8 s."""
    offline_grace: Duration = Field(30.0, ge=0, le=3600)
    """How long viewers are kept when their device goes offline, in case it comes back."""
    rest: Duration = Field(30.0, ge=0, le=3600)
    """How long a port and an SSRC rest after BYE, because cameras go on sending."""
    downloads_per_device: int = Field(2, ge=1, le=64)
    """Recordings one device sends as downloads at one time; more are queued."""
    downloads_queued: int = Field(50, ge=0, le=10_000)
    """Downloads that may wait for one device; the next one gets 503."""
    download_retention: Duration = Field(30 * DAY, ge=60, le=3650 * DAY)
    """How long finished, broken and failed downloads are kept, with their files."""
    download_reserve: Size = Field(512 * MIB, ge=0, le=1024**4)
    """Bytes of the disk that downloads leave free; below it they end with `disk_full`."""


class MediaSettings(Section):
    """Media in and out: addresses, ports, limits of the relay."""

    host: str | None = None
    """Address told to devices in SDP; the address SIP uses towards the device when not given."""
    listen_host: str = "0.0.0.0"
    """Address the receiving sockets listen on."""
    ports: Ports = PortRange(30000, 30999)
    """Ports media is received on, one per stream over UDP and TCP."""
    single_port: Port = 0
    """One port for all streams, over UDP and over TCP that devices connect to, in place of one of
    `ports` for each; 0: off. With several `workers` each has one, counted from here. Media is then
    taken only from the address SIP came from and from `allow`: SSRC and address together tell the
    streams apart."""
    allow: Annotated[tuple[Cidr, ...], BeforeValidator(parse_list)] = ()
    """Networks media may be sent to besides the address SIP came from."""
    http_host: str | None = None
    """Address the media workers' own HTTP listens on; `http.host` when not given."""
    http_ports: Ports | None = None
    """Ports of the media workers' own HTTP, one each; any free ones when not given."""
    redirect: Literal["auto", "always", "never"] = "auto"
    """Whether players by HTTP are sent on to the worker that has their stream. `auto`: where its
    port is reached like `http.port` (`http_ports` is given, or the player is on this machine; no
    proxy and no `public_url` between). `always`, `never`.
    """
    report_interval: Duration = Field(5.0, ge=0, le=300)
    """Pause between two RTCP receiver reports to a camera that sends over UDP; 0: none are sent."""
    rtsp_port: Port = 8554
    """Port of the RTSP output, 0 turns it off; one that is taken is a warning and no RTSP."""
    rtsp_host: str | None = None
    """Address the RTSP socket listens on; `http.host` when not given."""
    player_ports: Ports | None = None
    """UDP ports media goes to players from (RTSP over UDP, WebRTC), in pairs; the 400 ports behind
    `media.ports` when not given."""
    rtmp_port: Port = 1935
    """Port cameras and encoders publish to by RTMP, 0 turns it off; one that is taken is a warning
    and no RTMP."""
    rtmp_host: str | None = None
    """Address the RTMP socket listens on; `http.host` when not given."""
    webrtc_peers: int = Field(100, ge=0, le=10_000)
    """Browsers that look over WebRTC at one time; the next one gets 503. Each costs ten times what
    one over HTTP costs."""
    gop_bytes: Size = Field(8 * MIB, ge=65536, le=256 * MIB)
    """Most bytes of the picture group kept for viewers that join."""
    gop_duration: Duration = Field(20.0, ge=1, le=300)
    """Longest picture group kept for viewers that join."""
    workers: int = Field(0, ge=0, le=64)
    """Processes that do media and share `ports`; 0: the signalling process does it itself."""
    relays: Annotated[tuple[RelayName, ...], BeforeValidator(parse_list)] = ()
    """Media nodes on other hosts, as `name@host:port`: each runs `gb28181 serve --relay`."""
    relay_listen: str = Field("0.0.0.0:9600", pattern=HOST_PORT)
    """Where a relay (`gb28181 serve --relay`) waits for its platform, as `host:port`."""
    relay_secret_file: str | None = None
    """File with the secret a platform shares with its relays, the same on all: 32 bytes or more."""
    placement: Annotated[tuple[Placement, ...], BeforeValidator(parse_list)] = ()
    """How streams are shared out among media nodes, for each as `name=weight` or
    `name=weight@place+place`: `worker1=2@6401+6402, worker2=1`. New streams go to the least load by
    weight (1 where nothing is said), those of a place (city 4, county 6 digits) first to its nodes.
    """
    viewers_per_stream: int = Field(500, ge=1, le=100_000)
    """Viewers of one stream; the next one gets 503."""
    viewers_per_node: int = Field(2000, ge=1, le=1_000_000)
    """Viewers of all streams of a node; the next one gets 503."""
    sounds: int = Field(64, ge=0, le=10_000)
    """Streams whose G.711 is made into AAC at one time; others go out without sound. 0: never."""
    transcodes: int = Field(2, ge=0, le=64)
    """Streams of H.265 that are made into H.264 at one time, for browsers that cannot decode it;
    each takes most of a core. 0: never."""
    viewer_queue: Size = Field(4 * MIB, ge=65536, le=256 * MIB)
    """Bytes waiting for one viewer before it is cut to the next key frame."""
    viewer_stall: Duration = Field(30.0, ge=1, le=3600)
    """A viewer that reads nothing for so long, with something to read, is disconnected."""


class HttpSettings(Section):
    """The HTTP API and the console."""

    host: str = "0.0.0.0"
    """Address the HTTP socket listens on."""
    port: Port = 8080
    """Port the HTTP socket listens on; 0 takes a free one."""
    public_url: str | None = Field(None, pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")
    """Address users reach the platform at; links are built from it, else from the Host header."""
    cert_file: str | None = None
    """Certificate chain (PEM); with `key_file` the port speaks https."""
    key_file: str | None = None
    """Private key (PEM) of the certificate."""
    token_lifetime: Duration = Field(12 * 3600.0, ge=60, le=30 * DAY)
    """How long an access token is good."""
    ticket_lifetime: Duration = Field(600.0, ge=10, le=DAY)
    """How long a ticket in a stream or event address is good for opening it."""
    login_attempts: int = Field(10, ge=1, le=1000)
    """Failed logins of one (user, address) within `login_window` before they are refused."""
    login_window: Duration = Field(300.0, ge=1, le=DAY)
    """Window in which `login_attempts` are counted."""
    max_body: Size = Field(MIB, ge=1024, le=1024 * MIB)
    """Largest body of an API request."""
    event_queue: int = Field(10_000, ge=100, le=1_000_000)
    """Events waiting for one subscriber of `/api/v1/events`; above that the oldest are dropped and
    `events.lost` says how many."""


class ControlSettings(Section):
    """Questions and commands to devices, moving cameras, pictures on demand."""

    command_timeout: Duration = Field(5.0, ge=0.5, le=60)
    """Time for a device's SIP answer to a command that has no other."""
    answer_timeout: Duration = Field(10.0, ge=0.5, le=300)
    """Time for a device's Response to a question or command."""
    ptz_deadman: Duration = Field(10.0, ge=0.5, le=3600)
    """A camera that moves is stopped so long after the caller's last request to move it."""
    ptz_hold: Duration = Field(10.0, ge=0, le=3600)
    """So long after a command nobody of the same or a lower rank may move the same camera."""
    snapshot_wait: Duration = Field(20.0, ge=1, le=300)
    """Time for a device to bring a picture it was asked for."""
    snapshot_bytes: Size = Field(16 * MIB, ge=65536, le=256 * MIB)
    """Largest picture a device may bring."""
    snapshot_pixels: int = Field(64_000_000, ge=10_000, le=1_000_000_000)
    """Most pixels of a picture a device may bring; a larger one is not unpacked."""
    snapshot_keep: int = Field(1000, ge=10, le=1_000_000)
    """Pictures kept in the data directory; the oldest go first."""
    snapshot_processes: int = Field(2, ge=1, le=64)
    """Processes that decode pictures at one time, each started when one is needed."""
    thumbnail_interval: Duration = Field(10.0, ge=1, le=3600)
    """The small picture of a channel is made anew at most this often, while somebody asks."""
    thumbnail_width: int = Field(320, ge=32, le=1920)
    """Width of the small pictures in pixels."""


class TalkSettings(Section):
    """Speech to devices: broadcast and two-way talk."""

    response_timeout: Duration = Field(5.0, ge=0.5, le=60)
    """Time for a device's Response to the broadcast notification."""
    invite_timeout: Duration = Field(10.0, ge=0.5, le=120)
    """Time for the INVITE a device sends after its Response, or for its answer to ours."""
    connect_timeout: Duration = Field(8.0, ge=0.5, le=60)
    """Time for the ACK of a device and, over TCP, for the connection that carries the sound."""
    microphone_wait: Duration = Field(15.0, ge=1, le=600)
    """A talk whose microphone is gone, or never came, ends after this."""
    targets: int = Field(500, ge=1, le=10_000)
    """Targets of one talk."""
    open: int = Field(50, ge=1, le=1000)
    """Talks at one time; the next one gets 503."""
    file_size: Size = Field(20 * MIB, ge=65536, le=256 * MIB)
    """Largest audio file that may be uploaded."""
    file_duration: Duration = Field(600.0, ge=1, le=3600)
    """Longest recorded speech."""
    files: int = Field(100, ge=1, le=10_000)
    """Recorded speeches that are kept."""


class SourceSettings(Section):
    """Cameras without GB/T 28181 that are fetched by RTSP."""

    check_interval: Duration = Field(60.0, ge=0, le=DAY)
    """Pause between two questions whether a camera is there; 0: only who looks finds out."""
    allow: Annotated[tuple[Cidr, ...], BeforeValidator(parse_list)] = ()
    """Networks that may be fetched from though they hold this host's own or link-local addresses,
    which are refused otherwise."""


class PushSettings(Section):
    """Streams that are brought to other servers by RTSP or RTMP."""

    limit: int = Field(64, ge=0, le=4096)
    """How many may be entered; 0 turns it off."""
    allow: Annotated[tuple[Cidr, ...], BeforeValidator(parse_list)] = ()
    """Networks that may be pushed to though they hold this host's own or link-local addresses,
    which are refused otherwise."""


class DatabaseSettings(Section):
    """Where the truth is kept."""

    url: SecretText | None = None
    """SQLAlchemy address, e.g. `postgresql+asyncpg://user:password@host/name`; SQLite in `data_dir`
    when not given."""


class ClusterSettings(Section):
    """Several nodes as one platform."""

    url: SecretText | None = None
    """Address of Valkey or Redis, e.g. `redis://host:6379/0`; no effect yet: a single node."""


class StoreSettings(Section):
    """How state is written and how long it is kept."""

    flush_interval: Duration = Field(1.0, ge=0.05, le=1)
    """Changes of state are collected for at most this long and written in one batch."""
    retention_days: int = Field(400, ge=1, le=36500)
    """Days that state intervals (online, offline and why) are kept."""
    alarm_retention_days: int = Field(400, ge=1, le=36500)
    """Days that alarms are kept, acknowledged or not."""
    position_retention_days: int = Field(90, ge=1, le=36500)
    """Days that reported positions are kept."""
    retention_interval: Duration = Field(3600.0, ge=1, le=DAY)
    """How often rows past their retention are removed."""


class LogSettings(Section):
    """The event log on standard error."""

    format: Literal["auto", "json", "console"] = "auto"
    """`json` lines or `console`; `auto` is json unless standard error is a terminal."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is written."""


class ProgrammeSettings(Section):
    """The region the platform serves."""

    region: str = Field("64", pattern=r"^\d{2}(\d{2})?(\d{2})?$")
    """Administrative code (GB/T 2260, 2, 4 or 6 digits) of the root of the tree."""
