"""The command line: ``gb28181 serve | demo | simulate | config | db | user | conformance`` ...

Parsing and words only; what a command does lives in the module it calls, imported when it is
needed, so that ``--help`` is quick.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from gb28181 import __version__
from gb28181.conformance.command import conformance_app
from gb28181.origin import require_own_packages
from gb28181.simulator.command import simulate

T = TypeVar("T")

EXIT_CONFIG = 78
"""sysexits.h EX_CONFIG: the settings are wrong."""

app = typer.Typer(
    name="gb28181",
    help="Networked video platform for GB/T 28181-2016 and -2022.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Settings: in force, checked, as an example.", no_args_is_help=True)
db_app = typer.Typer(help="The database.", no_args_is_help=True)
user_app = typer.Typer(help="Users and API keys.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(db_app, name="db")
app.add_typer(user_app, name="user")
app.add_typer(conformance_app, name="conformance")
app.command()(simulate)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file with settings.", dir_okay=False)
]


def main() -> None:
    """Entry point of the console script."""
    require_own_packages()
    app()


@app.command()
def serve(
    config: ConfigFile = None,
    relay: Annotated[
        bool, typer.Option("--relay", help="Only media, for a platform on another host.")
    ] = False,
) -> None:
    """Run the platform: SIP, media, HTTP API and console. Needs no file and no earlier command."""
    gc.disable()  # a quarter of a start's imports would be the collector's; the node enables it
    from gb28181.relaying import serve_relay
    from gb28181.serve import serve as run

    raise SystemExit(_run(serve_relay(_load(config)) if relay else run(_load(config))))


@app.command()
def demo(
    devices: Annotated[int, typer.Option(min=1, help="Simulated devices.")] = 20,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder to use; a new temporary one when not given.")
    ] = None,
) -> None:
    """Run the platform with simulated cameras of five cities, on 127.0.0.1 and fresh data."""
    from gb28181.demo import demo as run

    raise SystemExit(_run(run(devices, data_dir)))


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


# --- config --------------------------------------------------------------------------------------


@config_app.command("show")
def config_show(config: ConfigFile = None) -> None:
    """Print the settings in force and where each comes from; secrets are masked."""
    from config import render

    print(render.show(_load(config)), end="")


@config_app.command("check")
def config_check(config: ConfigFile = None) -> None:
    """Report every problem of the settings at once; exit code 78 when there is one."""
    _load(config)
    print("the settings are good")


@config_app.command("example")
def config_example() -> None:
    """Print a settings file with every key, its default and its meaning."""
    from config import render

    print(render.example(), end="")


@config_app.command("reference")
def config_reference() -> None:
    """Print the reference page of all settings (Markdown)."""
    from config import render

    print(render.reference(), end="")


# --- db ------------------------------------------------------------------------------------------


@db_app.command("backup")
def db_backup(
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    config: ConfigFile = None,
) -> None:
    """Write a consistent copy of the database while the platform runs (SQLite)."""
    from gb28181.store.backup import backup_database
    from gb28181.store.errors import StoreError

    settings = _settings(config)
    url = settings.database.url
    if path.exists():
        _fail(f"{path} exists already")
    try:
        size = _run(backup_database(url.reveal() if url else None, Path(settings.data_dir), path))
    except (StoreError, OSError) as error:
        _fail(str(error))
    print(f"{path}: {size} bytes")


@db_app.command("upgrade")
def db_upgrade(config: ConfigFile = None) -> None:
    """Bring the database to this version; `serve` does the same at start."""
    _run(_with_store(_settings(config), _nothing))
    print("the database is up to date")


# --- user ----------------------------------------------------------------------------------------

Role = Annotated[str, typer.Option(help="viewer, operator or admin")]
OptionalRole = Annotated[
    str | None,
    typer.Option(help="viewer, operator or admin; absent: as it is, admin for a new user"),
]


@user_app.command("list")
def user_list(config: ConfigFile = None) -> None:
    """List users and API keys."""
    from gb28181.store.store import Store

    async def work(store: Store) -> None:
        for user in await store.accounts.users():
            print(f"{user.name}\t{user.role}\t{'disabled' if user.disabled else 'enabled'}")
        for key in await store.accounts.api_keys():
            print(f"{key.key_id}\t{key.role}\tapi key {key.name}")

    _run(_with_store(_settings(config), work))


@user_app.command("set")
def user_set(name: str, role: OptionalRole = None, config: ConfigFile = None) -> None:
    """Create a user, or give an existing one a new password (asked for, or one line of stdin)."""
    from gb28181.store.store import Store

    password = _new_password()

    async def work(store: Store) -> None:
        record = await store.accounts.set_password(name, password, role or "admin")
        if role is not None and record.role != role:
            record.role = role
            await store.accounts.save_user(record)

    if role is not None:
        _check_role(role)
    _run(_with_store(_settings(config), work))
    print(f"user {name} is set")


@user_app.command("delete")
def user_delete(name: str, config: ConfigFile = None) -> None:
    """Remove a user or an API key; it is out within seconds."""
    from gb28181.store.store import Store

    async def work(store: Store) -> bool:
        return await store.accounts.delete_user(name) or await store.accounts.delete_api_key(name)

    if not _run(_with_store(_settings(config), work)):
        _fail(f"no user or key {name}")
    print(f"{name} is removed")


@user_app.command("key")
def user_key(name: str, role: Role = "operator", config: ConfigFile = None) -> None:
    """Make an API key for other software (header X-API-Key); it is shown once."""
    import secrets

    from gb28181.store.store import Store

    key, key_id = secrets.token_urlsafe(32), secrets.token_hex(4)

    async def work(store: Store) -> None:
        await store.accounts.add_api_key(key_id, key, name, role)

    _check_role(role)
    _run(_with_store(_settings(config), work))
    print(key)


# --- helpers -------------------------------------------------------------------------------------


def _load(config: Path | None) -> Any:
    from config import render
    from config.errors import ConfigError
    from config.load import load_with_sources

    try:
        return load_with_sources(str(config) if config else None)
    except ConfigError as error:
        print(render.report(error), end="", file=sys.stderr)
        raise SystemExit(EXIT_CONFIG) from None


def _settings(config: Path | None) -> Any:
    return _load(config).settings


async def _with_store(settings: Any, work: Any) -> Any:
    from gb28181.store.store import Store
    from gb28181.telemetry import logs

    logs.setup("auto", "warning")
    url = settings.database.url
    store = await Store.open(url.reveal() if url else None, settings.data_dir)
    try:
        return await work(store)
    finally:
        await store.aclose()


async def _nothing(store: object) -> None:
    """Opening the store has migrated it."""


def _run(work: Coroutine[Any, Any, T]) -> T:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _new_password() -> str:
    if sys.stdin.isatty():
        entered: str = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    else:
        entered = sys.stdin.readline().rstrip("\r\n")
    if len(entered) < 8:
        _fail("a password needs at least 8 characters")
    return entered


def _check_role(role: str) -> None:
    if role not in ("viewer", "operator", "admin"):
        _fail("the role is one of viewer, operator, admin")


def _fail(message: str) -> Any:
    print(f"gb28181: {message}", file=sys.stderr)
    raise SystemExit(1)
