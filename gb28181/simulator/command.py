"""The command line of ``gb28181 simulate``: options in, a running fleet out.

Words and parsing only; what an option means stands where it is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from gb28181.simulator.options import FleetOptions, Server, Transport
    from gb28181.simulator.plan import DeviceSpec
    from gb28181.simulator.run import RunOptions

EXIT_USAGE = 2
DOMAIN_DIGITS = 10
PASSWORD = "GB28181_SIP__PASSWORD"


def _show_faults(wanted: bool) -> None:
    if not wanted:
        return
    from gb28181.simulator.faults import MEANINGS

    for fault, meaning in MEANINGS.items():
        default = "" if meaning.default is None else f"={meaning.default:g}"
        print(f"{fault + default:<28} {meaning.item:<18} {meaning.text}")
    raise typer.Exit


def _show_profiles(wanted: bool) -> None:
    if not wanted:
        return
    from gb28181.simulator.profiles import HABITS, PROFILES

    for profile in PROFILES.values():
        print(f"{profile.name:<16} {profile.text}")
        for habit, about in HABITS.items():
            if profile.has(habit):
                print(f"  {habit:<20} {about.text}")
    raise typer.Exit


Devices = Annotated[int, typer.Option(min=0, help="Cameras and recorders.")]
Platform = Annotated[str, typer.Option("--server", help="SIP address of the platform, HOST:PORT.")]
ServerId = Annotated[str, typer.Option(help="20-digit id of the platform.")]
Domain = Annotated[str, typer.Option(help="SIP domain; the first ten digits of the server id.")]
Password = Annotated[str | None, typer.Option(help="Of the devices.", envvar=PASSWORD)]
Protocol = Annotated[str, typer.Option(help="Signalling over udp or tcp.")]
Host = Annotated[str, typer.Option(help="Local address of SIP and media.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Local SIP port; 0 takes a free one.")]
OwnPorts = Annotated[bool, typer.Option("--own-ports", help="A SIP port for each device.")]
Recorders = Annotated[float, typer.Option(min=0, max=1, help="Share of recorders.")]
Channels = Annotated[int, typer.Option(min=1, help="Channels of a recorder.")]
Cities = Annotated[str, typer.Option(help="Four-digit codes with commas between; all five.")]
First = Annotated[int, typer.Option(min=1, help="Serial of the first device and channel.")]
Expires = Annotated[float, typer.Option(min=1, help="Registration time, s.")]
Keepalive = Annotated[float, typer.Option(min=0, help="Heartbeat interval, s; 0: none.")]
Retry = Annotated[float, typer.Option(min=0.1, help="Pause after a failed registration, s.")]
Rate = Annotated[float, typer.Option(min=0, help="Devices that register per s; 0: all at once.")]
ProfileNames = Annotated[
    list[str] | None,
    typer.Option("--profile", help="Family of devices, or mixed; more than one: in turn."),
]
GbVersion = Annotated[
    str | None, typer.Option(help="X-GB-Ver of all, instead of the profile's; empty sends none.")
]
PageItems = Annotated[
    int | None, typer.Option(min=1, help="Catalog items per message, instead of the profile's.")
]
Alarms = Annotated[float, typer.Option(min=0, help="Alarms per minute, in the whole fleet.")]
Changes = Annotated[
    float, typer.Option(min=0, help="Channels that go off or come back, per minute.")
]
Moving = Annotated[float, typer.Option(min=0, max=1, help="Share of devices that drive around.")]
BootTime = Annotated[float, typer.Option(min=0.1, help="A restart takes so long, s.")]
Calls = Annotated[int, typer.Option(min=0, help="Calls per channel; more are answered 486.")]
NoAudio = Annotated[bool, typer.Option("--no-audio", help="Pictures only.")]
FaultNames = Annotated[
    list[str] | None, typer.Option("--fault", help="name[=value][@share], any number of times.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of names, places, times and faults.")]
Cache = Annotated[Path | None, typer.Option(help="Folder that keeps the encoded pictures.")]
Prepare = Annotated[bool, typer.Option("--prepare", help="Encode at once, not at the first call.")]
Seconds = Annotated[float | None, typer.Option(min=0, help="End after so long.")]
WithParent = Annotated[
    bool, typer.Option("--until-stdin-closes", help="End together with standard input.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
ListProfiles = Annotated[
    bool,
    typer.Option("--list-profiles", is_eager=True, callback=_show_profiles, help="List them."),
]
ListFaults = Annotated[
    bool, typer.Option("--list-faults", is_eager=True, callback=_show_faults, help="List them.")
]


def simulate(
    devices: Devices = 20,
    platform: Platform = "127.0.0.1:5060",
    server_id: ServerId = "64000000002000000001",
    domain: Domain = "",
    password: Password = None,
    transport: Protocol = "udp",
    host: Host = "0.0.0.0",
    port: Port = 0,
    own_ports: OwnPorts = False,
    recorders: Recorders = 0.2,
    channels: Channels = 4,
    cities: Cities = "",
    first: First = 1,
    expires: Expires = 3600,
    keepalive: Keepalive = 60,
    retry: Retry = 60,
    rate: Rate = 200,
    profile: ProfileNames = None,
    gb_version: GbVersion = None,
    page_items: PageItems = None,
    alarms: Alarms = 0,
    changes: Changes = 0,
    moving: Moving = 0,
    boot_time: BootTime = 8,
    calls: Calls = 2,
    no_audio: NoAudio = False,
    fault: FaultNames = None,
    seed: Seed = 1,
    cache: Cache = None,
    prepare: Prepare = False,
    seconds: Seconds = None,
    until_stdin_closes: WithParent = False,
    as_json: AsJson = False,
    list_profiles: ListProfiles = False,
    list_faults: ListFaults = False,
) -> None:
    """Be any number of cameras and recorders: they register, answer, and send real pictures."""
    from gb28181.simulator import faults, machine, options, profiles, run

    with _usage_errors():
        specs = _plan(devices, recorders, channels, cities, first, seed)
        told = options.FleetOptions(
            server=_server(platform, server_id, domain, _password(password)),
            transport=_transport(transport),
            host=host,
            port=port,
            own_ports=own_ports,
            times=machine.Times(expires_s=expires, keepalive_s=keepalive, retry_s=retry),
            rate=rate,
            profiles=profiles.profiles_named(profile or ()),
            gb_version=gb_version,
            page_items=page_items,
            calls_per_channel=calls,
            audio=not no_audio,
            happenings=options.Happenings(alarms, changes, moving, boot_time),
            faults=tuple(faults.parse_fault(text) for text in fault or ()),
            seed=seed,
            cache=cache or _user_cache(),
        )
    _run(specs, told, run.RunOptions(seconds, prepare, until_stdin_closes, as_json))


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    """What is told wrongly ends the program with a sentence."""
    try:
        yield
    except ValueError as error:
        print(f"gb28181 simulate: {error}", file=sys.stderr)
        raise SystemExit(EXIT_USAGE) from None


def _plan(
    devices: int, recorders: float, channels: int, cities: str, first: int, seed: int
) -> list[DeviceSpec]:
    from gb28181.simulator.plan import PlanOptions, make_plan

    towns = tuple(code.strip() for code in cities.split(",") if code.strip())
    return make_plan(PlanOptions(devices, recorders, channels, towns, first, seed))


def _run(specs: list[DeviceSpec], options: FleetOptions, run: RunOptions) -> NoReturn:
    import uvloop

    from gb28181.simulator.run import simulate as work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(work(specs, options, run)))


def _server(address: str, server_id: str, domain: str, password: str) -> Server:
    from gb28181.simulator.options import Server

    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"--server is HOST:PORT, not {address!r}")
    if len(server_id) != 20 or not server_id.isdecimal():
        raise ValueError("--server-id has 20 digits")
    return Server(
        host=host.strip("[]"),
        port=int(port),
        server_id=server_id,
        domain=domain or server_id[:DOMAIN_DIGITS],
        password=password,
    )


def _password(given: str | None) -> str:
    if given is not None:
        return given
    if sys.stdin.isatty():
        entered: str = typer.prompt("password of the devices", hide_input=True)
        return entered
    raise ValueError(f"the password of the devices is missing: --password or {PASSWORD}")


def _transport(text: str) -> Transport:
    match text.lower():
        case "udp":
            return "udp"
        case "tcp":
            return "tcp"
        case _:
            raise ValueError("--transport is udp or tcp")


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gb28181"
