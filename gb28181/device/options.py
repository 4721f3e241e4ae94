"""What the registry is told by the settings; defaults are those of the outward contract."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.schema import Settings
from gb28181.device.policy import DevicePolicy

DAY_S = 86_400
DEFAULT_POLICY = DevicePolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """Frozen; built once at start."""

    server_id: str
    """Our 20-digit id."""
    domain: str
    """Our 10-digit domain; From of our requests, realm unless another is given."""
    realm: str = ""
    default_password: str = field(repr=False)
    region: str = "64"
    """Administrative code of the root of the tree."""
    unknown: str = "accept"
    """`accept`, `approve` or `refuse` ids nobody entered."""
    auto_query: bool = True
    redirect: str = ""
    """Where devices of the edition of 2022 are sent to when they register; empty: nowhere."""
    policy: DevicePolicy = DEFAULT_POLICY
    """What counts where a device has no setting of its own."""
    expires_default: int = 3600
    expires_min: int = 60
    expires_max: int = 7 * DAY_S
    nonce_ttl_s: float = 300.0
    query_rate: float = 50.0
    query_outstanding: int = 200
    catalog_first_s: float = 30.0
    catalog_quiet_s: float = 5.0
    catalog_retries: int = 2
    """How often an incomplete catalog is asked for again."""
    catalog_backoff_s: float = 3.0
    """Pause before the first repetition; the next one waits twice as long."""
    device_info_wait_s: float = 5.0
    """How long a call that asks for DeviceInfo waits for the Response."""
    malformed_rate: float = 20.0
    """Answers per second to one address for malformed or unauthenticated traffic."""
    auth_failures: int = 5
    """Wrong passwords of one (address, id) before it is locked out."""
    auth_window_s: float = 60.0
    """Window in which they are counted, and the first lock; each further lock doubles."""
    keepalive_save_s: float = 300.0
    """How often heartbeat times are written; they are in memory all the time."""
    tree_interval_s: float = 0.1
    """Shortest time between two `tree.changed` events."""

    @classmethod
    def from_settings(cls, settings: Settings, default_password: str) -> DeviceOptions:
        sip, devices = settings.sip, settings.devices
        return cls(
            server_id=sip.id,
            domain=sip.domain,
            realm=sip.realm or sip.domain,
            default_password=default_password,
            region=settings.programme.region,
            unknown=devices.unknown,
            auto_query=devices.auto_query,
            redirect=devices.redirect,
            policy=DevicePolicy(
                keepalive_interval=devices.keepalive_interval,
                keepalive_count=devices.keepalive_count,
                subscribe=devices.subscribe,
                subscribe_expires=devices.subscribe_expires,
            ),
            expires_default=round(devices.expires_default),
            expires_min=round(devices.expires_min),
            expires_max=round(devices.expires_max),
            nonce_ttl_s=sip.nonce_lifetime,
            query_rate=devices.query_rate,
            query_outstanding=devices.query_outstanding,
            catalog_first_s=devices.catalog_first,
            catalog_quiet_s=devices.catalog_quiet,
            malformed_rate=sip.malformed_rate,
            auth_failures=sip.auth_failures,
            auth_window_s=sip.auth_window,
        )
