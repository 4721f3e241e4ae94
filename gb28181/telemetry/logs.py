"""Writes log events as JSON lines or for a terminal, through structlog.

`get_logger("device").event(ev.DEVICE_REGISTERED, device_id=...)`: only events of the catalogue,
only their fields. An unknown field raises while `strict` is on (tests, development) and is written
all the same in production. Lines of libraries (stdlib `logging`) come out in the same form as
`library.message`. Floods are thinned in `rate.py`, secrets masked in `redact.py`.
"""

from __future__ import annotations

import datetime
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO

import structlog

from gb28181.telemetry.events import COMMON, LIBRARY_MESSAGE, Level, LogEvent
from gb28181.telemetry.redact import redact, redact_text

Format = Literal["auto", "json", "console"]

RANK: Final[Mapping[str, int]] = {
    Level.DEBUG: logging.DEBUG,
    Level.INFO: logging.INFO,
    Level.WARNING: logging.WARNING,
    Level.ERROR: logging.ERROR,
}
MAX_TRACEBACK = 10_000
LIBRARY_LEVEL = logging.WARNING
"""Libraries are heard from this level on; the `gb28181.*` loggers from the chosen one."""


class _State:
    """What `setup` decides for the whole process."""

    threshold: int = logging.INFO
    strict: bool = True


class UnknownField(TypeError):
    """A log call with a field that its event does not have in the catalogue."""


class Log:
    """The log of one component; `bind` gives one whose lines all carry some fields."""

    __slots__ = ("_bound", "_component")

    def __init__(self, component: str, bound: Mapping[str, object] | None = None) -> None:
        self._component = component
        self._bound = dict(bound or {})

    def bind(self, **fields: object) -> Log:
        return Log(self._component, {**self._bound, **fields})

    def is_enabled(self, level: Level) -> bool:
        return RANK[level] >= _State.threshold

    def event(self, event: LogEvent, *, exc_info: object = None, **fields: object) -> None:
        """Writes one line; fields that are None are left out. `exc_info` is an exception."""
        if RANK[event.level] < _State.threshold and not _State.strict:
            return
        given = {**self._bound, **fields}
        if _State.strict:
            _check(event, fields)
            if RANK[event.level] < _State.threshold:
                return
        line: dict[str, Any] = {"component": self._component}
        for name, value in given.items():
            if value is not None:
                line[name] = redact(name, value)
        if exc_info is not None:
            line["exc_info"] = exc_info
        _write(event.level, event.name, line)


def get_logger(component: str) -> Log:
    """`component` is a short fixed name (`sip`, `device`, `session`), never `__name__`."""
    return Log(component)


def setup(
    format: Format = "auto",
    level: str = "info",
    *,
    stream: TextIO | None = None,
    strict: bool = False,
) -> None:
    """Decides once per process where and how lines are written (default: standard error)."""
    target = stream if stream is not None else sys.stderr
    if format == "auto":
        format = "console" if target.isatty() else "json"
    _State.threshold = RANK[level]
    _State.strict = strict
    structlog.configure(
        processors=[_stamp, *_renderers(format, target)],
        wrapper_class=structlog.BoundLogger,
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    _capture_libraries()


def _renderers(format: Format, target: TextIO) -> list[structlog.typing.Processor]:
    if format == "json":
        return [
            structlog.processors.format_exc_info,
            _mask_exception,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
    # Plain tracebacks: the pretty ones print local variables, secrets among them.
    return [
        structlog.processors.format_exc_info,
        _mask_exception,
        structlog.dev.ConsoleRenderer(
            colors=target.isatty(),
            timestamp_key="time",
            sort_keys=False,
            pad_event_to=28,
            exception_formatter=structlog.dev.plain_traceback,
        ),
    ]


def _mask_exception(
    _logger: object, _level: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The text of an exception may quote what it failed on."""
    if isinstance(fields.get("exception"), str):
        fields["exception"] = redact_text(fields["exception"], limit=MAX_TRACEBACK)
    return fields


def _stamp(
    _logger: object, level: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Puts what every line begins with to its front."""
    now = datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")
    return {"time": now, "level": level, "event": fields.pop("event"), **fields}


def _check(event: LogEvent, fields: Mapping[str, object]) -> None:
    unknown = [name for name in fields if name not in event.fields and name not in COMMON]
    if unknown:
        names = ", ".join(sorted(unknown))
        raise UnknownField(f"{event.name} has no field {names} in gb28181/telemetry/events.py")


def _write(level: str, name: str, line: dict[str, Any]) -> None:
    try:
        getattr(structlog.get_logger(), level)(name, **line)
    except (OSError, ValueError):
        # The reader of our standard error is gone: the platform goes on without its log.
        return


class _LibraryHandler(logging.Handler):
    """Turns a record of stdlib logging into a line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        level = max((name for name in RANK if RANK[name] <= record.levelno), key=RANK.__getitem__)
        line: dict[str, Any] = {
            "component": record.name,
            "message": redact("message", record.getMessage()),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exc_info"] = record.exc_info
        _write(level, LIBRARY_MESSAGE.name, line)


def _capture_libraries() -> None:
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(_LibraryHandler(level=logging.DEBUG))
    root.setLevel(max(LIBRARY_LEVEL, _State.threshold))
    logging.getLogger("gb28181").setLevel(_State.threshold)
    logging.captureWarnings(True)
