from __future__ import annotations

import re
import tomllib
from pathlib import Path

import config
from config import render
from config.errors import ConfigError, Problem
from config.keys import all_keys, sections
from docs.tools import generate

CONTRACT = {
    "GB28181_DATA_DIR",
    "GB28181_ADMIN_PASSWORD",
    "GB28181_SIP__ID",
    "GB28181_SIP__DOMAIN",
    "GB28181_SIP__HOST",
    "GB28181_SIP__PORT",
    "GB28181_SIP__PASSWORD",
    "GB28181_DEVICES__UNKNOWN",
    "GB28181_DEVICES__AUTO_QUERY",
    "GB28181_SESSIONS__LINGER",
    "GB28181_MEDIA__HOST",
    "GB28181_MEDIA__PORTS",
    "GB28181_MEDIA__ALLOW",
    "GB28181_MEDIA__HTTP_HOST",
    "GB28181_MEDIA__HTTP_PORTS",
    "GB28181_MEDIA__RTSP_PORT",
    "GB28181_MEDIA__RTMP_PORT",
    "GB28181_HTTP__HOST",
    "GB28181_HTTP__PORT",
    "GB28181_HTTP__PUBLIC_URL",
    "GB28181_HTTP__CERT_FILE",
    "GB28181_HTTP__KEY_FILE",
    "GB28181_DATABASE__URL",
    "GB28181_CLUSTER__URL",
    "GB28181_LOGS__FORMAT",
    "GB28181_LOGS__LEVEL",
}


def uncommented(example: str) -> str:
    """The example as if a reader had taken every # away that hides a setting."""
    return re.sub(r"^#(\w+ = )", r"\1", example, flags=re.MULTILINE)


def test_every_variable_of_the_contract_exists() -> None:
    known = {key.variable for key in all_keys().values()}
    assert known >= CONTRACT


def test_every_key_has_a_meaning_and_every_section_a_purpose() -> None:
    assert [key.name for key in all_keys().values() if len(key.meaning) < 15] == []
    assert [name for name, purpose in sections().items() if not purpose.endswith(".")] == []


def test_the_example_names_every_key_and_changes_nothing(tmp_path: Path) -> None:
    example = uncommented(render.example())
    document = tomllib.loads(example)
    written = {(name,) for name, value in document.items() if not isinstance(value, dict)}
    for section, values in document.items():
        if isinstance(values, dict):
            written |= {(section, name) for name in values}
    assert written == set(all_keys())
    path = tmp_path / "gb28181.toml"
    path.write_text(example, "utf-8")
    defaults = config.load_with_sources(None, {}, search=()).settings
    assert config.load_with_sources(str(path), {}, search=()).settings == defaults


def test_settings_in_force_are_shown_with_their_source_and_without_secrets() -> None:
    environ = {"GB28181_SIP__PASSWORD": "geheim", "GB28181_SESSIONS__LINGER": "90s"}
    text = render.show(config.load_with_sources(None, environ, search=()))
    assert "geheim" not in text
    assert 'password = "***"  # environment' in text
    assert 'linger = "90s"  # environment' in text
    assert "port = 5060\n" in text
    assert tomllib.loads(text)["sip"]["password"] == "***"


def test_the_reference_has_one_row_for_every_key() -> None:
    rows = [line for line in render.reference().splitlines() if line.startswith("| `")]
    assert len(rows) == len(all_keys())
    [row] = [row for row in rows if "GB28181_SESSIONS__LINGER" in row]
    assert '| duration, 0s to 1d, s when no unit is written | `"30s"` |' in row


def test_problems_are_counted_and_listed() -> None:
    error = ConfigError((Problem("a", "file", "1", "two"), Problem("b", "file", "", "three")))
    assert render.report(error) == (
        "2 problems in the settings:\n  file: a: two (found 1)\n  file: b: three\n"
    )


def test_generated_pages_are_fresh() -> None:
    assert generate.stale() == [], "run `make reference`"
