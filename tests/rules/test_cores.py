"""Cores do no input or output: every module is one unless it is named here as a shell."""

from __future__ import annotations

import pytest

from tests.rules.source import Module, modules, target

FORBIDDEN = frozenset(
    {
        "asyncio",
        "logging",
        "multiprocessing",
        "os",
        "random",
        "secrets",
        "select",
        "selectors",
        "socket",
        "ssl",
        "subprocess",
        "threading",
        "time",
        "uuid",
        "uvloop",
    }
)

# Folders whose modules are cores unless named in SHELLS.
CORE_PACKAGES = ("sip.", "media.", "catalog.", "gb28181.manscdp.")

SHELLS = frozenset(
    {
        "sip.client_side",
        "sip.endpoint",
        "sip.ids",
        "sip.options",
        "sip.server_side",
        "sip.transport",
        "sip.transport_tcp",
        "sip.transport_udp",
        "media.output.audience",
        "media.output.connection",
        "media.output.unread",
        "media.output.web",
        "media.hls.feed",
        "media.receive.batch",
        "media.hub",
        "media.inprocess",
        "media.listener",
        "media.sockets",
        "media.record.recordings",
        "media.receive.rtcp_port",
        "media.receive.single_tcp",
        "media.receive.single_udp",
        "media.receive.tcp",
        "media.receive.udp",
        "media.describing",
        "media.pool",
        "media.pool_pushes",
        "media.reaching",
        "media.record.recorder",
        "media.record.segments",
        "media.rtmp.connection",
        "media.rtmp.pusher",
        "media.rtmp.receiver",
        "media.rtmp.server",
        "media.rtp.segmented",
        "media.rtp.udp",
        "media.rtsp.connection",
        "media.rtsp.play",
        "media.rtsp.probing",
        "media.rtsp.puller",
        "media.rtsp.pusher",
        "media.rtsp.server",
        "media.record.mp4",
        "media.still.__main__",
        "media.still.child",
        "media.still.studio",
        "media.send.forward",
        "media.send.forwards",
        "media.send.link",
        "media.send.pusher",
        "media.send.pushes",
        "media.send.sender",
        "media.sound.shop",
        "media.stream",
        "media.output.viewers",
        "media.whep.peers",
        "media.whep.answer",
        "media.whep.link",
        "media.whep.peer",
        "media.transcode.__main__",
        "media.transcode.child",
        "media.transcode.work",
        "media.voice.voices",
        "media.worker.__main__",
        "media.worker.audience",
        "media.worker.child",
        "media.worker.hls",
        "media.worker.known",
        "media.worker.life",
        "media.worker.link",
        "media.worker.messages",
        "media.worker.node",
        "media.worker.process",
        "media.worker.pushes",
        "media.worker.relay",
        "media.worker.remote",
        "media.worker.serving",
        "media.worker.viewer",
        "media.worker.viewing",
    }
)

# Cores of the application, besides every `machine.py`.
NAMED_CORES = frozenset(
    {
        "gb28181.cluster.lease",
        "gb28181.conformance.checks",
        "gb28181.conformance.desk",
        "gb28181.conformance.evidence",
        "gb28181.conformance.fields",
        "gb28181.conformance.items",
        "gb28181.conformance.items.alarms",
        "gb28181.conformance.items.asking",
        "gb28181.conformance.items.live",
        "gb28181.conformance.items.moving",
        "gb28181.conformance.items.overall",
        "gb28181.conformance.items.recording",
        "gb28181.conformance.items.registering",
        "gb28181.conformance.items.settings",
        "gb28181.conformance.model",
        "gb28181.conformance.report",
        "gb28181.control.collect",
        "gb28181.control.deadman",
        "gb28181.control.lock",
        "gb28181.control.uploads",
        "gb28181.device.registry",
        "gb28181.playback.control",
        "gb28181.playback.plan",
        "gb28181.playback.records",
        "gb28181.pushes.address",
        "gb28181.recording.weekly",
        "gb28181.session.call",
        "gb28181.session.offer",
        "gb28181.session.plan",
        "gb28181.session.pull",
        "gb28181.session.ssrc",
        "gb28181.talk.conversation",
        "gb28181.talk.leg",
        "gb28181.talk.offer",
        "gb28181.talk.reasons",
        "gb28181.telemetry.events",
        "gb28181.telemetry.events_outgoing",
        "gb28181.telemetry.events_push",
        "gb28181.telemetry.events_recording",
        "gb28181.telemetry.events_source",
        "gb28181.telemetry.events_talk",
        "gb28181.telemetry.events_viewer",
        "gb28181.telemetry.rate",
        "gb28181.telemetry.redact",
    }
)


def is_core(name: str) -> bool:
    if name in SHELLS:
        return False
    if name.endswith(".machine") or name in NAMED_CORES:
        return True
    return name.startswith(CORE_PACKAGES)


def cores() -> list[Module]:
    return [module for module in modules().values() if is_core(module.name)]


def test_cores_import_nothing_that_acts_on_the_world() -> None:
    found = [
        f"{module.where}:{imported.line}: {imported.name}"
        for module in cores()
        for imported in module.imports
        if imported.name.partition(".")[0] in FORBIDDEN and imported.at_run_time
    ]
    assert not found, "a core, or missing in SHELLS:\n" + "\n".join(found)


def test_cores_import_no_shell() -> None:
    found = [
        f"{module.where}:{imported.line}: {imported.name}"
        for module in cores()
        for imported in module.imports
        if imported.at_run_time and target(imported.name, modules()) in SHELLS
    ]
    assert not found, "\n".join(found)


def test_every_shell_that_is_named_exists() -> None:
    packages = {name.partition(".")[0] for name in modules()}
    gone = [name for name in SHELLS if name.partition(".")[0] in packages and name not in modules()]
    assert not gone, f"take them out of SHELLS: {gone}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sip.parser", True),
        ("sip.something_new", True),
        ("sip.endpoint", False),
        ("gb28181.manscdp.codec", True),
        ("gb28181.device.machine", True),
        ("gb28181.device.service", False),
    ],
)
def test_a_new_file_is_a_core_until_it_is_named(name: str, expected: bool) -> None:
    assert is_core(name) is expected
