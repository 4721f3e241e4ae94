"""Records the example session of the docs: a real run against a simulated device with one fault.

    python -m docs.tools.example_session

It starts the platform and the simulator as processes, runs `gb28181 conformance run`, and writes
`docs/conformance/example-session.md` and `.json`. Not part of `make reference`: a run takes minutes
and is never the same twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.tools.tables import table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "conformance" / "example-session.md"
SERVER_ID = "64010000002000000001"
PROFILE, FAULT, BROKEN = "standard-2016", "wrong-ssrc", "live.udp"
HEARTBEAT_S = "5"
WAIT_S = 90.0
SECRET = "example-password"
WORDS = {
    "passed": "通过 passed",
    "failed": "**不通过 failed**",
    "not_offered": "不具备 not offered",
    "person": "待人工核对 to be looked at",
    "skipped": "未检测 not tried",
}


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sip, http = _free_port(), _free_port()
        with _platform(folder, sip, http), _device(sip):
            device_id = _wait_for_device(f"http://127.0.0.1:{http}")
            run = _run(folder, device_id, http)
    run = json.loads(_plain(json.dumps(run, ensure_ascii=False), sip))
    PAGE.write_text(page(run), "utf-8")
    shown = json.dumps(run, ensure_ascii=False, indent=1)
    PAGE.with_suffix(".json").write_text(shown + "\n", "utf-8")
    print(PAGE, run["counts"])
    return 0


def page(run: dict[str, Any]) -> str:
    """The page of a run: the table of all items, and the messages of what failed."""
    device, counts = run["device"], run["counts"]
    failed = [item for item in run["items"] if item["verdict"] == "failed"]
    parts = [
        "# An example session",
        "<!-- Recorded by `python -m docs.tools.example_session`. -->",
        f"A simulated device (profile `{PROFILE}`, fault `{FAULT}`: what it sends carries another"
        " SSRC than was asked for) driven through all items that do not disturb:",
        f"```console\n$ gb28181 conformance run --device {run['device_id']}\n```",
        f"Run `{run['run_id']}`, GB/T 28181-{run['edition']}, {device['manufacturer']}"
        f" {device['model']}, {run['started_at'][:19]} to {run['ended_at'][:19]} UTC. "
        + "; ".join(f"{WORDS[name]}: {count}" for name, count in counts.items())
        + ". The whole report with every message: [example-session.json](example-session.json).",
        table(
            ("Grade", "Item", "", "Clause", "Verdict", "Reason", "s"),
            (
                (
                    item["grade"],
                    f"`{item['name']}`",
                    f"{item['title_zh']} {item['title_en']}",
                    item["clause"],
                    WORDS[item["verdict"]],
                    item["reason_en"],
                    f"{item['duration_s']:.1f}",
                )
                for item in run["items"]
            ),
        ).rstrip("\n"),
    ]
    for item in failed[:1]:
        parts += [f"## Evidence of `{item['name']}`", item["reason_zh"], item["reason_en"] + "."]
        parts += [_ladder(item["messages"]), _first_texts(item["messages"])]
    return "\n\n".join(parts) + "\n"


def _ladder(messages: list[dict[str, Any]]) -> str:
    lines = [f"{'':14}platform{'':40}device"]
    for message in messages:
        left, right = ("<-", "--") if message["direction"] == "in" else ("--", "->")
        middle = f" {message['summary']} ".center(50, "-")
        lines.append(f"{message['offset_ms']:>9.1f} ms  {left}{middle}{right}")
    return "```text\n" + "\n".join(lines) + "\n```"


def _first_texts(messages: list[dict[str, Any]]) -> str:
    """The INVITE and its 200."""
    wanted = [m for m in messages if m["method"] == "INVITE" and m["status"] in (None, 200)][:2]
    return "\n\n".join(f"```text\n{m['text'].strip()}\n```" for m in wanted)


@contextlib.contextmanager
def _platform(folder: Path, sip: int, http: int) -> Iterator[None]:
    clean = {name: v for name, v in os.environ.items() if not name.startswith("GB28181_")}
    media = _free_port()
    env = {
        **clean,
        "PYTHONPATH": str(ROOT),
        "GB28181_DATA_DIR": str(folder / "data"),
        "GB28181_ADMIN_PASSWORD": SECRET,
        "GB28181_SIP__ID": SERVER_ID,
        "GB28181_SIP__DOMAIN": SERVER_ID[:10],
        "GB28181_SIP__HOST": "127.0.0.1",
        "GB28181_SIP__PORT": str(sip),
        "GB28181_SIP__PASSWORD": SECRET,
        "GB28181_MEDIA__HOST": "127.0.0.1",
        "GB28181_MEDIA__PORTS": f"{min(media, 65000)}-{min(media, 65000) + 99}",
        "GB28181_MEDIA__RTSP_PORT": "0",
        "GB28181_MEDIA__RTMP_PORT": "0",
        "GB28181_HTTP__HOST": "127.0.0.1",
        "GB28181_HTTP__PORT": str(http),
        "GB28181_DEVICES__KEEPALIVE_INTERVAL": HEARTBEAT_S,
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(_command("serve"), env=env, stdout=log, stderr=log, cwd=folder)
    try:
        _until(lambda: _answers(f"http://127.0.0.1:{http}/readyz"), "the platform")
        yield
    finally:
        process.terminate()
        process.wait(15)


@contextlib.contextmanager
def _device(sip: int) -> Iterator[None]:
    options = ["--devices", "1", "--recorders", "0", "--profile", PROFILE, "--fault", FAULT]
    options += ["--server", f"127.0.0.1:{sip}", "--server-id", SERVER_ID, "--host", "127.0.0.1"]
    options += ["--password", SECRET, "--keepalive", HEARTBEAT_S, "--until-stdin-closes"]
    process = subprocess.Popen(
        _command("simulate", *options), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(15)


def _run(folder: Path, device_id: str, http: int) -> dict[str, Any]:
    target = folder / "run.json"
    call = ["conformance", "run", "--device", device_id, "--json", str(target)]
    call += ["--url", f"http://127.0.0.1:{http}", "--password", SECRET]
    subprocess.run(_command(*call), check=False)
    found: dict[str, Any] = json.loads(target.read_text("utf-8"))
    return found


def _wait_for_device(url: str) -> str:
    form = f"username=admin&password={SECRET}".encode()
    token = _json(urllib.request.Request(f"{url}/api/v1/auth/token", form))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    def look() -> str:
        request = urllib.request.Request(f"{url}/api/v1/channels", headers=headers)
        items = _json(request)["items"]
        return str(items[0]["device_id"]) if items else ""

    return _until(look, "the device")


def _json(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def _answers(url: str) -> str:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return "yes" if answer.status == 200 else ""
    return ""


def _until(look: Any, what: str) -> str:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found: str = look()
        if found:
            return found
        time.sleep(0.2)
    raise SystemExit(f"{what} did not come within {WAIT_S:.0f} s")


def _command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("gb28181")), *arguments]


def _plain(text: str, sip: int) -> str:
    """The port of that moment is nobody's interest."""
    return re.sub(rf"127\.0\.0\.1:{sip}\b", "127.0.0.1:5060", text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


if __name__ == "__main__":
    sys.exit(main())
