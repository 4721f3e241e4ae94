"""``gb28181 conformance``: begins a run at a running platform, shows it, and fetches the report.

It talks HTTP like every other software, with nothing but the standard library.
"""

from __future__ import annotations

import json
import sys
import time
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

EXIT_FAILED = 1
"""At least one item failed, or the run did not come to its end."""
LOOK_S = 1.0
"""How often a run is looked at."""
CALL_S = 30.0

conformance_app = typer.Typer(
    help="Drive a device through the laboratory's items.", no_args_is_help=True
)

Url = Annotated[str, typer.Option(help="Address of the platform.")]
User = Annotated[str, typer.Option(help="Who asks; an admin.")]
Password = Annotated[
    str | None,
    typer.Option(envvar="GB28181_ADMIN_PASSWORD", help="Asked for when neither this nor a key is."),
]
ApiKey = Annotated[str | None, typer.Option("--api-key", help="Instead of user and password.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the report there, as JSON.")]
WordFile = Annotated[Path | None, typer.Option("--docx", help="And there, for Word.")]

DEFAULT_URL = "http://127.0.0.1:8080"
WORDS = {
    "passed": "通过 passed",
    "failed": "不通过 FAILED",
    "not_offered": "不具备 not offered",
    "person": "待人工核对 person",
    "skipped": "未检测 skipped",
}


class Api:
    """A few calls of `/api/v1`."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = url.rstrip("/")
        self._headers = headers

    @classmethod
    def open(cls, url: str, user: str, password: str | None, api_key: str | None) -> Api:
        """With a key, or with a token for user and password."""
        if api_key:
            return cls(url, {"X-API-Key": api_key})
        if password is None:
            password = typer.prompt(f"password of {user}", hide_input=True)
        form = urllib.parse.urlencode({"username": user, "password": password}).encode()
        answer = cls(url, {}).call("POST", "/api/v1/auth/token", raw=form)
        return cls(url, {"Authorization": f"Bearer {answer['access_token']}"})

    def call(self, method: str, path: str, body: Any = None, raw: bytes | None = None) -> Any:
        """The JSON of the answer; ends the program when it is a refusal."""
        return json.loads(self.data(method, path, body, raw) or b"null")

    def data(self, method: str, path: str, body: Any = None, raw: bytes | None = None) -> bytes:
        headers = dict(self._headers)
        if body is not None:
            raw, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self._url + path, raw, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=CALL_S) as response:
                found: bytes = response.read()
                return found
        except urllib.error.HTTPError as error:
            with error:
                _fail(_message(error))
        except OSError as error:
            _fail(f"{self._url} cannot be reached: {error}")


@conformance_app.command()
def run(
    device: Annotated[str, typer.Option(help="20-digit id of the device.")],
    grade: Annotated[list[str] | None, typer.Option(help="A to F; again for more.")] = None,
    item: Annotated[list[str] | None, typer.Option(help="An item; again for more.")] = None,
    channel: Annotated[str, typer.Option(help="The channel to examine.")] = "",
    allow_disruptive: Annotated[
        bool, typer.Option(help="Also what ends pictures or changes settings for a while.")
    ] = False,
    json_file: JsonFile = None,
    docx_file: WordFile = None,
    url: Url = DEFAULT_URL,
    user: User = "admin",
    password: Password = None,
    api_key: ApiKey = None,
) -> None:
    """Examine a device and print what is found; exit code 1 when an item failed."""
    api = Api.open(url, user, password, api_key)
    wanted = {
        "grades": [one.upper() for one in grade or []],
        "items": item or [],
        "channel_id": channel,
        "allow_disruptive": allow_disruptive,
    }
    started = api.call("POST", f"/api/v1/devices/{device}/conformance", wanted)
    path = f"/api/v1/conformance/{started['run_id']}"
    print(
        f"{started['run_id']}  {device}  GB/T 28181-{started['edition']}  {started['total']} items"
    )
    try:
        found = _follow(api, path)
    except KeyboardInterrupt:
        api.call("POST", f"{path}/cancel")
        found = api.call("GET", path)
    _print_end(found)
    _save(api, path, found, json_file, docx_file)
    raise SystemExit(EXIT_FAILED if found["counts"]["failed"] or found["state"] != "done" else 0)


@conformance_app.command()
def items(
    url: Url = DEFAULT_URL,
    user: User = "admin",
    password: Password = None,
    api_key: ApiKey = None,
) -> None:
    """List the items with their grades and clauses."""
    api = Api.open(url, user, password, api_key)
    for one in api.call("GET", "/api/v1/conformance/items")["items"]:
        mark = "!" if one["disruptive"] else " "
        clauses = f"{one['clause_2016'] or '-'} / {one['clause_2022'] or '-'}"
        print(f"{one['grade']}{mark} {_wide(one['name'], 24)} {_wide(clauses, 24)} {_title(one)}")


@conformance_app.command()
def report(
    run_id: Annotated[str, typer.Argument(help="As `run` printed it.")],
    json_file: JsonFile = None,
    docx_file: WordFile = None,
    url: Url = DEFAULT_URL,
    user: User = "admin",
    password: Password = None,
    api_key: ApiKey = None,
) -> None:
    """Print a run that is kept, or write its report."""
    api = Api.open(url, user, password, api_key)
    path = f"/api/v1/conformance/{urllib.parse.quote(run_id)}"
    found = api.call("GET", path)
    for one in found["items"]:
        _print_item(one)
    _print_end(found)
    _save(api, path, found, json_file, docx_file)


def _follow(api: Api, path: str) -> Any:
    """Print items as they come, until the run is over."""
    printed = 0
    while True:
        found = api.call("GET", path)
        for one in found["items"][printed:]:
            _print_item(one)
        printed = len(found["items"])
        if found["state"] != "running":
            return found
        time.sleep(LOOK_S)


def _print_item(one: Any) -> None:
    reason = one["reason_zh"] or one["reason_en"]
    line = f"{one['grade']} {_wide(one['name'], 22)} {_wide(one['clause'], 14)}"
    print(
        f"{line} {_wide(WORDS[one['verdict']], 20)} {one['duration_s']:6.1f} s  {reason}",
        flush=True,
    )


def _print_end(found: Any) -> None:
    counts = "  ".join(f"{WORDS[name]}: {count}" for name, count in found["counts"].items())
    print(f"{found['state']}  {counts}")


def _save(api: Api, path: str, found: Any, json_file: Path | None, docx_file: Path | None) -> None:
    if json_file is not None:
        json_file.write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")
        print(json_file)
    if docx_file is not None:
        docx_file.write_bytes(api.data("GET", f"{path}/report.docx"))
        print(docx_file)


def _title(one: Any) -> str:
    return f"{one['title_zh']} {one['title_en']}"


def _wide(text: str, width: int) -> str:
    """Padded to columns of a terminal, where a Chinese character takes two."""
    taken = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return text + " " * max(0, width - taken)


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return f"{error.code}: {json.loads(error.read())['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def _fail(message: str) -> NoReturn:
    print(f"gb28181: {message}", file=sys.stderr)
    raise SystemExit(EXIT_FAILED)
