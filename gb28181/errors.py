"""What the platform refuses, and how the outside hears of it.

    PlatformError(code, http_status, leg, sip_status, detail)
      NotFound · Conflict · BadInput · Forbidden · Unauthorised
      LegFailed      a picture could not be had: one of the seven legs failed
      DeviceRefused · DeviceTimeout · NotSupported    what a device answers to a question or command

``leg`` says where a pull broke, so that an operator knows whom to ask: the device, its network,
its codec or ourselves. The HTTP shape of these errors is in ``docs/reference/error-codes.md``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Leg(StrEnum):
    """The step of a pull that failed, in the order in which a pull takes them."""

    DEVICE_OFFLINE = "device_offline"
    NO_PORT = "no_port"
    INVITE_TIMEOUT = "invite_timeout"
    INVITE_REJECTED = "invite_rejected"
    NO_MEDIA = "no_media"
    MEDIA_STOPPED = "media_stopped"
    UNSUPPORTED_CODEC = "unsupported_codec"


LEG_STATUS: dict[Leg, int] = {
    Leg.DEVICE_OFFLINE: 409,
    Leg.NO_PORT: 503,
    Leg.INVITE_TIMEOUT: 504,
    Leg.INVITE_REJECTED: 502,
    Leg.NO_MEDIA: 504,
    Leg.MEDIA_STOPPED: 504,
    Leg.UNSUPPORTED_CODEC: 415,
}


class PlatformError(Exception):
    """A request that cannot be served; ``code`` is stable for machines, the message for people."""

    def __init__(
        self,
        code: str,
        message: str,
        http_status: int,
        *,
        leg: Leg | None = None,
        sip_status: int | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status
        self.leg = leg
        self.sip_status = sip_status
        self.detail = detail


class NotFound(PlatformError):
    """404: the named thing does not exist."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"{what}_unknown", f"no {what} {name}", 404, detail={what: name})


class Conflict(PlatformError):
    """409: it exists already, or its state does not allow this."""

    def __init__(self, code: str, message: str, **detail: Any) -> None:
        super().__init__(code, message, 409, detail=detail or None)


class BadInput(PlatformError):
    """422: the caller's values are not usable."""

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__("bad_input", message, 422, detail=detail or None)


class Unauthorised(PlatformError):
    """401: no or bad credentials."""

    def __init__(self, message: str = "credentials are missing or wrong") -> None:
        super().__init__("unauthorised", message, 401)


class Forbidden(PlatformError):
    """403: known, but not allowed."""

    def __init__(self, message: str = "this account may not do that") -> None:
        super().__init__("forbidden", message, 403)


class Busy(PlatformError):
    """503: a limit of ours is reached; trying again later makes sense."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, 503)


class LegFailed(PlatformError):
    """A pull ended before or while it was wanted; ``leg`` tells where."""

    def __init__(
        self,
        leg: Leg,
        message: str,
        *,
        sip_status: int | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            leg.value, message, LEG_STATUS[leg], leg=leg, sip_status=sip_status, detail=detail
        )


class DeviceRefused(PlatformError):
    """502: the device answered, and said no: at SIP level or with Result ERROR."""

    def __init__(
        self, message: str, *, sip_status: int | None = None, detail: dict[str, Any] | None = None
    ) -> None:
        super().__init__("device_refused", message, 502, sip_status=sip_status, detail=detail)


class DeviceTimeout(PlatformError):
    """504: the device did not answer in time."""

    def __init__(
        self, message: str, *, sip_status: int | None = None, detail: dict[str, Any] | None = None
    ) -> None:
        super().__init__("device_timeout", message, 504, sip_status=sip_status, detail=detail)


class NotSupported(PlatformError):
    """501: the device's edition of the standard, or the device, does not have this."""

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__("not_supported", message, 501, detail=detail or None)
