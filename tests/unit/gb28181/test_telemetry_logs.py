from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from config import Secret
from gb28181.telemetry import events as ev
from gb28181.telemetry import logs


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """`setup` is for a whole process: give the test runner back what it had."""
    root, ours = logging.getLogger(), logging.getLogger("gb28181")
    before = (list(root.handlers), root.level, ours.level, vars(logs._State).copy())
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:], root.level, ours.level = before[0], before[1], before[2]
    logs._State.threshold, logs._State.strict = before[3]["threshold"], before[3]["strict"]


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_level_event_component_and_fields() -> None:
    stream = io.StringIO()
    logs.setup("json", "info", stream=stream)
    logs.get_logger("device").event(
        ev.DEVICE_REGISTERED, device_id="34020000001320000001", remote="10.0.0.9:5060", expires=None
    )
    [line] = lines_of(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", line.pop("time"))
    assert line == {
        "level": "info",
        "event": "device.registered",
        "component": "device",
        "device_id": "34020000001320000001",
        "remote": "10.0.0.9:5060",
    }


def test_chinese_stays_readable() -> None:
    stream = io.StringIO()
    logs.setup("json", "info", stream=stream)
    logs.get_logger("sip").event(ev.SIP_MESSAGE_REJECTED, sample="学校")
    assert "学校" in stream.getvalue()


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    logs.setup("json", "warning", stream=stream)
    log = logs.get_logger("device")
    log.event(ev.DEVICE_REGISTERED, device_id="1")
    log.event(ev.DEVICE_OFFLINE, device_id="1", reason="keepalive")
    assert [line["event"] for line in lines_of(stream)] == ["device.offline"]
    assert not log.is_enabled(ev.Level.INFO)


def test_an_unknown_field_is_refused_while_strict_even_below_the_level() -> None:
    logs.setup("json", "error", stream=io.StringIO(), strict=True)
    with pytest.raises(logs.UnknownField, match=r"device\.refreshed has no field colour"):
        logs.get_logger("device").event(ev.DEVICE_REFRESHED, colour="red")


def test_an_unknown_field_is_written_in_production() -> None:
    stream = io.StringIO()
    logs.setup("json", "info", stream=stream)
    logs.get_logger("device").event(ev.DEVICE_REGISTERED, colour="red")
    assert lines_of(stream)[0]["colour"] == "red"


def test_bound_fields_stand_in_every_line() -> None:
    stream = io.StringIO()
    logs.setup("json", "info", stream=stream, strict=True)
    log = logs.get_logger("session").bind(session_id="s1", call_id="c1")
    log.event(ev.SESSION_LIVE, stream_id="x")
    log.event(ev.SESSION_ENDED, reason="linger")
    assert [line["session_id"] for line in lines_of(stream)] == ["s1", "s1"]


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("sample", b'Authorization: Digest username="u", response="d41d8cd9"\r\nX: y', "d41d8cd9"),
        ("sample", "POST /token password=hunter2&x=1", "hunter2"),
        ("sample", '{"access_token": "abc.def"}', "abc.def"),
        ("path", "/live/1.flv?ticket=abcdef", "abcdef"),
        ("reason", "cannot reach postgresql://user:hunter2@db/x", "hunter2"),
        ("password", "hunter2", "hunter2"),
        ("reason", Secret("hunter2"), "hunter2"),
    ],
)
def test_secrets_are_masked(name: str, value: object, hidden: str) -> None:
    stream = io.StringIO()
    logs.setup("json", "info", stream=stream)
    logs.get_logger("sip").event(ev.SIP_MESSAGE_REJECTED, **{name: value})
    assert hidden not in stream.getvalue()
    assert "***" in stream.getvalue()


def test_a_long_sample_is_cut() -> None:
    stream = io.StringIO()
    logs.setup("json", "info", stream=stream)
    logs.get_logger("sip").event(ev.SIP_MESSAGE_REJECTED, sample="x" * 70_000)
    assert len(lines_of(stream)[0]["sample"]) == 1001


@pytest.mark.parametrize("format", ["json", "console"])
def test_an_exception_is_written_without_the_values_of_variables(format: logs.Format) -> None:
    stream = io.StringIO()
    logs.setup(format, "info", stream=stream)
    local_value = "".join(["hun", "ter2"])
    try:
        raise RuntimeError("password=hunter3")
    except RuntimeError as error:
        logs.get_logger("app").event(ev.APP_FAILED, component="x", exc_info=error)
    assert "RuntimeError" in stream.getvalue()
    assert local_value not in stream.getvalue()
    assert "hunter3" not in stream.getvalue()


def test_lines_of_libraries_come_out_in_the_same_form() -> None:
    stream = io.StringIO()
    logs.setup("json", "info", stream=stream)
    logging.getLogger("uvicorn.error").warning("port %d is %s", 80, "taken")
    logging.getLogger("uvicorn.error").info("not heard")
    logging.getLogger("gb28181.sip").info("heard")
    lines = lines_of(stream)
    assert [(x["event"], x["level"], x["component"], x["message"]) for x in lines] == [
        ("library.message", "warning", "uvicorn.error", "port 80 is taken"),
        ("library.message", "info", "gb28181.sip", "heard"),
    ]


def test_a_second_setup_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.setup("json", "info", stream=first)
    logs.setup("json", "info", stream=second)
    logging.getLogger("other").warning("once")
    assert (first.getvalue(), len(lines_of(second))) == ("", 1)


def test_auto_is_json_where_no_terminal_is() -> None:
    stream = io.StringIO()
    logs.setup("auto", "info", stream=stream)
    logs.get_logger("app").event(ev.APP_STOPPED, duration_ms=3)
    assert lines_of(stream)[0]["duration_ms"] == 3


def test_a_reader_that_is_gone_does_not_stop_the_platform() -> None:
    stream = io.StringIO()
    logs.setup("json", "info", stream=stream)
    stream.close()
    logs.get_logger("app").event(ev.APP_STOPPED, duration_ms=3)
