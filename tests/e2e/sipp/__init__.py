"""SIPp as a judge we did not write: its scenarios, written by hand, and their runner."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Run:
    """What SIPp said when it was done."""

    code: int
    successful: int
    failed: int
    errors: str
    messages: str

    def check(self, calls: int) -> None:
        """All calls went through the scenario to its end."""
        text = f"SIPp: exit {self.code}, {self.successful} good, {self.failed} failed"
        assert (self.code, self.failed) == (0, 0), f"{text}\n{self.errors[-3000:]}"
        assert self.successful == calls, text


class Sipp:
    """A running SIPp; `wait` for its verdict."""

    def __init__(
        self,
        scenario: str,
        server: tuple[str, int],
        folder: Path,
        *,
        keys: dict[str, str],
        calls: int = 1,
        rate: int = 1,
        local_port: int = 0,
        local_host: str = "127.0.0.1",
        transport: str = "u1",
        rows: Sequence[Sequence[str]] = (),
        repeat: bool = True,
        trace: bool = False,
    ) -> None:
        found = shutil.which("sipp")
        if found is None:
            raise RuntimeError("sipp is missing: apt-get install sip-tester")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        command = [
            found, f"{server[0]}:{server[1]}", "-sf", str(HERE / f"{scenario}.xml"),
            "-i", local_host, "-m", str(calls), "-r", str(rate), "-l", str(calls),
            "-t", transport, "-trace_err", "-error_file", str(folder / "errors.log"),
            "-trace_stat", "-stf", str(folder / "stat.csv"), "-fd", "1",
            "-timeout", "120s", "-timeout_error", "-default_behaviors", "all,-bye",
            "-max_socket", "5000",
        ]  # fmt: skip
        if local_port:
            command += ["-p", str(local_port)]
        if not repeat:
            command += ["-nr"]
        if trace:
            command += ["-trace_msg", "-message_file", str(folder / "messages.log")]
        for name, value in keys.items():
            command += ["-key", name, value]
        if rows:
            table = folder / "devices.csv"
            table.write_text("SEQUENTIAL\n" + "".join(";".join(row) + "\n" for row in rows))
            command += ["-inf", str(table)]
        self._output = (folder / "output.txt").open("wb")
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=self._output,
            stderr=subprocess.STDOUT, env={"TERM": "dumb", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip

    def wait(self, timeout: float = 120.0) -> Run:
        try:
            code = self._process.wait(timeout)
        finally:
            self.stop()
        good, failed = self._counts()
        errors = self._read("errors.log") or self._read("output.txt")
        return Run(code, good, failed, errors, self._read("messages.log"))

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(5)
        self._output.close()

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _counts(self) -> tuple[int, int]:
        text = self._read("stat.csv")
        rows = list(csv.DictReader(text.splitlines(), delimiter=";"))
        if not rows:
            return 0, 0
        last = rows[-1]
        return int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])


def devices(ids: Sequence[str], password: str) -> list[tuple[str, str]]:
    """Rows of the injection file: SIPp computes the digest."""
    return [(one, f"[authentication username={one} password={password}]") for one in ids]


def times_of(messages: str, start: str) -> list[float]:
    """When messages with this start line came in, in seconds, from SIPp's message trace."""
    pattern = re.compile(
        r"-+ \d{4}-\d\d-\d\d[ T\t](\d\d):(\d\d):(\d\d\.\d+)[^\n]*\n"
        r"UDP message received[^\n]*\n\n" + re.escape(start)
    )
    return [int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in pattern.findall(messages)]
