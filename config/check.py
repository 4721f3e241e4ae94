"""Rules between keys: what each key alone cannot tell. Pure; returns all problems, raises none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from config.errors import Problem
from config.schema import Settings

ANSWER_LIMIT_S = 15.0
"""A live request is answered within this time in every case."""

Finding = tuple[tuple[str, ...], str, str]


def check(settings: Settings, sources: Mapping[tuple[str, ...], str]) -> list[Problem]:
    """`sources` tells where each given key stands; a default is called so."""
    return [
        Problem(".".join(path), sources.get(path, "default"), found, wanted)
        for path, found, wanted in _findings(settings)
    ]


def _findings(settings: Settings) -> Iterator[Finding]:
    yield from _http(settings)
    yield from _devices(settings)
    yield from _sessions(settings)
    yield from _ports(settings)
    yield from _store(settings)
    if settings.sip.t2 < settings.sip.t1:
        yield ("sip", "t2"), f"{settings.sip.t2:g}s", "not shorter than sip.t1"


def _http(settings: Settings) -> Iterator[Finding]:
    http = settings.http
    if http.cert_file and not http.key_file:
        yield ("http", "cert_file"), "", "http.key_file must be given as well"
    if http.key_file and not http.cert_file:
        yield ("http", "key_file"), "", "http.cert_file must be given as well"


def _devices(settings: Settings) -> Iterator[Finding]:
    devices = settings.devices
    if not devices.expires_min <= devices.expires_default <= devices.expires_max:
        found = f"{devices.expires_default:g}s"
        wanted = "between devices.expires_min and devices.expires_max"
        yield ("devices", "expires_default"), found, wanted


def _sessions(settings: Settings) -> Iterator[Finding]:
    total = settings.sessions.invite_timeout + settings.sessions.media_timeout
    if total > ANSWER_LIMIT_S:
        wanted = f"with sessions.invite_timeout at most {ANSWER_LIMIT_S:g}s together"
        yield ("sessions", "media_timeout"), f"{total:g}s together", wanted


def _store(settings: Settings) -> Iterator[Finding]:
    """All that a store of recordings needs, or nothing of it."""
    recording = settings.recording
    needed = {
        "s3_endpoint": recording.s3_endpoint,
        "s3_bucket": recording.s3_bucket,
        "s3_access_key": recording.s3_access_key,
        "s3_secret_key": recording.s3_secret_key,
    }
    given = [name for name, value in needed.items() if value]
    for name in needed:
        if given and name not in given:
            yield ("recording", name), "", f"given as well, because recording.{given[0]} is"


def _ports(settings: Settings) -> Iterator[Finding]:
    media, sip, http = settings.media, settings.sip, settings.http
    if sip.port in media.ports:
        yield ("media", "ports"), str(media.ports), f"must not contain sip.port {sip.port}"
    single = {"http.port": http.port, "rtsp_port": media.rtsp_port, "rtmp_port": media.rtmp_port}
    for name, port in single.items():
        if port in media.ports:
            yield ("media", "ports"), str(media.ports), f"must not contain {name} {port}"
    if media.http_ports is not None and media.ports.overlaps(media.http_ports):
        yield ("media", "http_ports"), str(media.http_ports), "must not overlap media.ports"
    if media.player_ports is not None and media.ports.overlaps(media.player_ports):
        yield ("media", "player_ports"), str(media.player_ports), "must not overlap media.ports"
    if http.port and sip.port == http.port:
        wanted = "another port than sip.port: SIP listens on it over TCP too"
        yield ("http", "port"), str(http.port), wanted
