"""The image: by Docker where an engine runs, else its build steps in a clean place as nobody."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gb28181 import __version__
from gb28181.origin import PACKAGES
from tests.packaging import dockerfile
from tests.rules.source import ROOT
from tests.rules.test_tree import sources

STEP_LIMIT_S = 600
NOBODY = 65534
# Settings of the machine that pip and npm need to reach their registry.
KEPT = ("PIP_", "SSL_", "LANG", "npm_config_", "NPM_", "NODE_", "http", "HTTP", "no_proxy")

OWNERS = """
import importlib.metadata, importlib.util, json, pathlib
owners = importlib.metadata.packages_distributions()
names = %s
print(json.dumps({
    name: [sorted(set(owners[name])), importlib.util.find_spec(name).origin] for name in names
}))
"""


def docker_engine_runs() -> bool:
    if shutil.which("docker") is None:
        return False
    result = subprocess.run(["docker", "info"], capture_output=True, timeout=30, check=False)
    return result.returncode == 0


def as_nobody() -> dict[str, object]:
    """How a step is run without rights; a test that has none itself stays who it is."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def usable_python() -> str:
    """An interpreter nobody may run: root's own may lie in a folder that is closed to others."""
    candidates = [sys._base_executable, "/usr/bin/python3", "/usr/local/bin/python3"]  # type: ignore[attr-defined]
    check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
    for candidate in candidates:
        try:
            result = subprocess.run(
                [candidate, "-c", check], capture_output=True, check=False, **as_nobody()
            )
        except OSError:
            continue
        if result.returncode == 0:
            return candidate
    raise AssertionError(f"none of {candidates} can be run without rights")


class Place:
    """An empty folder that stands for the root of the image's build stage."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = usable_python()
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "python").symlink_to(self.python)
        (folder / "opt").mkdir()
        (folder / "home").mkdir()
        self.environment = {
            **{k: v for k, v in os.environ.items() if k.startswith(KEPT)},
            "PATH": f"{bin_folder}:/usr/bin:/bin",
            "HOME": str(folder / "home"),
        }
        self.work = folder

    def mapped(self, text: str) -> str:
        """Absolute paths of the image as paths of this place."""
        return text.replace("/opt/gb28181", f"{self.folder}/opt/gb28181").replace(
            "/src", f"{self.folder}/src"
        )

    def give_away(self) -> None:
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(self.folder)], check=True)

    def run(self, command: str, cwd: Path | None = None, **more: str) -> str:
        result = subprocess.run(
            ["/bin/sh", "-e", "-c", command],
            cwd=cwd or self.work,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STEP_LIMIT_S,
            check=False,
            **as_nobody(),  # type: ignore[call-overload]
        )
        assert result.returncode == 0, (
            f"{command}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
        )
        return result.stdout

    def do(self, instruction: dockerfile.Instruction) -> None:
        if instruction.word == "WORKDIR":
            self.work = Path(self.mapped(instruction.text))
            self.work.mkdir(parents=True, exist_ok=True)
        elif instruction.word == "ENV":
            self.environment |= dockerfile.environment(instruction.text)
        elif instruction.word == "COPY":
            self._copy(instruction.text.split())
        elif instruction.word == "RUN":
            self.give_away()
            self.run(self.mapped(instruction.text))
        else:
            raise AssertionError(f"the test does not know {instruction.word}")

    def _copy(self, words: list[str]) -> None:
        *names, _ = words
        wanted = sources() if names == ["."] else [ROOT / name for name in names]
        for source in wanted:
            goal = self.work / source.relative_to(ROOT)
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, goal)


@pytest.fixture
def place() -> Iterator[Place]:
    # Not pytest's folder: that one is closed to everyone but its owner.
    folder = Path(tempfile.mkdtemp(prefix="gb28181-image-"))
    folder.chmod(0o755)
    yield Place(folder)
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.skipif(docker_engine_runs(), reason="the real build is run instead")
def test_the_build_steps_give_a_working_installation_without_rights(place: Place) -> None:
    for instruction in dockerfile.read(ROOT / "Dockerfile")[0].instructions:
        place.do(instruction)
    program = place.folder / "opt" / "gb28181" / "bin" / "gb28181"
    python = program.with_name("python")
    safe = {"PYTHONSAFEPATH": "1"}

    script = OWNERS % json.dumps(PACKAGES)
    owners = json.loads(place.run(f"{python} -c '{script}'", Path("/"), **safe))
    installed = str(place.folder / "opt" / "gb28181" / "lib")
    for name in PACKAGES:
        distributions, origin = owners[name]
        assert distributions == ["gb28181"], name
        assert origin.startswith(installed), name

    console = Path(owners["gb28181"][1]).parent / "api" / "static" / "index.html"
    assert console.is_file(), "the console is not in the wheel"

    assert __version__ in place.run(f"{program} version", Path("/"), **safe)
    listing = place.run(f"{program} --help", Path("/"), **safe)
    for command in ("serve", "demo", "simulate", "config", "db", "user", "version"):
        assert command in listing
    shown = place.run(f"{program} config example", Path("/"), **safe)
    assert shown == (ROOT / "config" / "default.toml").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.skipif(not docker_engine_runs(), reason="no Docker engine runs here")
def test_the_image_is_built_and_starts() -> None:
    subprocess.run(
        ["docker", "build", "-q", "-t", "gb28181-test", "."], cwd=ROOT, check=True, timeout=1800
    )
    shown = subprocess.run(
        ["docker", "run", "--rm", "gb28181-test", "version"],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert __version__ in shown.stdout


def test_the_image_runs_without_rights_and_checks_itself() -> None:
    build, final = dockerfile.read(ROOT / "Dockerfile")
    assert build.name == "build"
    assert final.texts("USER") == ["gb28181"]
    assert "gb28181.health" in final.texts("HEALTHCHECK")[0]
    assert final.texts("ENTRYPOINT") == ['["/opt/gb28181/bin/gb28181"]']
    assert final.texts("VOLUME") == ["/var/lib/gb28181"]
    environment = dockerfile.environment(final.texts("ENV")[0])
    assert environment["PYTHONSAFEPATH"] == "1"
    assert environment["GB28181_DATA_DIR"] == "/var/lib/gb28181"


def test_nothing_of_ours_is_kept_out_of_the_image() -> None:
    """`media` and `config` stand in many ignore files and are our source here."""
    patterns = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert not {pattern.strip("*/") for pattern in patterns} & set(PACKAGES)
    assert not {"web", "LICENSE", "README.md", "requirements.lock"} & set(patterns)
