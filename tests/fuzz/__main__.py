"""`make fuzz`: atheris looks for inputs that break a promise.

    make fuzz                                       every target for ten seconds
    make fuzz ARGS="media_ps sip_stream --seconds 300"
    make fuzz ARGS="--gather"                       keep inputs that reach something new

What breaks a promise is put into the corpus and shown; from then on `make test` fails with it
until the decoder is mended.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from . import corpus
from .table import TARGETS, Target

ROOT = Path(__file__).parents[2]
MEMORY_MB = 1024
SLOW_S = 10
"""An input that takes longer is a find."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="target", help="all without")
    parser.add_argument("--seconds", type=int, default=10, help="for each target; default 10")
    parser.add_argument("--gather", action="store_true", help="keep what reaches something new")
    arguments = parser.parse_args(argv)
    unknown = set(arguments.targets) - set(TARGETS)
    if unknown:
        parser.error(
            f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}"
        )
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed here (there may be no wheel for this Python or machine).")
        print("The seeds and found inputs run without it: pytest tests/fuzz")
        return 3
    broken = [
        name
        for name in arguments.targets or TARGETS
        if not fuzz(name, TARGETS[name], arguments.seconds, arguments.gather)
    ]
    if broken:
        print(f"broken: {', '.join(broken)}")
    return 1 if broken else 0


def fuzz(name: str, target: Target, seconds: int, gather: bool) -> bool:
    """One target; False when something was found."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        folder = Path(temporary)
        for place in ("inputs", "finds", "gathered"):
            (folder / place).mkdir()
        for number, data in enumerate([*target.seeds(), *corpus.found(name)]):
            (folder / "inputs" / f"{number:04}").write_bytes(data)
        run = _libfuzzer(
            name,
            folder,
            f"-max_total_time={seconds}",
            f"-max_len={target.longest}",
            f"-timeout={SLOW_S}",
            f"-rss_limit_mb={MEMORY_MB}",
            "-print_final_stats=1",
            str(folder / "inputs"),
        )
        print(f"{name:20} {_figures(run.stderr)}", flush=True)
        finds = sorted((folder / "finds").iterdir())
        for find in finds:
            corpus.keep(name, [find.read_bytes()], why=find.name.partition("-")[0])
        if run.returncode or finds:
            print(_tail(run.stdout + run.stderr))
            return False
        if gather:
            merged = folder / "gathered"
            _libfuzzer(name, folder, "-merge=1", str(merged), str(folder / "inputs"))
            known = {*target.seeds(), *corpus.found(name)}
            news = sorted((p.read_bytes() for p in merged.iterdir()), key=lambda d: (len(d), d))
            added = corpus.keep(name, (data for data in news if data not in known))
            print(f"{'':20} {added} inputs kept")
    return True


def _libfuzzer(name: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    prefix = f"-artifact_prefix={folder / 'finds'}/"
    command = [sys.executable, "-m", "tests.fuzz.run", name, prefix, *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )


def _figures(report: str) -> str:
    runs = re.findall(r"number_of_executed_units: *(\d+)", report)
    speed = re.findall(r"average_exec_per_sec: *(\d+)", report)
    cover = re.findall(r"cov: (\d+)", report)
    return (
        f"{int(runs[-1]) if runs else 0:,} inputs, {int(speed[-1]) if speed else 0:,} a second, "
        f"{cover[-1] if cover else '?'} places reached"
    )


def _tail(report: str) -> str:
    """What went wrong: the traceback, or what libFuzzer says itself."""
    lines = [line for line in report.splitlines() if not re.match(r"#\d+\t|INFO|WARNING", line)]
    return "\n".join(f"    {line[:200]}" for line in lines[:60])


if __name__ == "__main__":
    sys.exit(main())
