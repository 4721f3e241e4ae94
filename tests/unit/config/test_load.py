from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from pydantic import ValidationError

import config
from config import ConfigError, PortRange, Secret


def problems_of(path: Path | None, environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.load_with_sources(str(path) if path else None, environ, search=())
    return [str(problem) for problem in caught.value.problems]


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_file_and_environment_the_defaults_hold() -> None:
    settings = config.load_with_sources(None, {}, search=()).settings
    assert settings.sip.port == 5060
    assert settings.http.port == 8080
    assert settings.media.ports == PortRange(30000, 30999)
    assert settings.devices.unknown == "accept"
    assert settings.sessions.linger == 30.0
    assert settings.sip.password is None


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, "[sip]\nport = 5070\nhost = '10.0.0.1'\n[sessions]\nlinger = '1min'\n")
    environ = {"GB28181_SIP__PORT": "5080", "GB28181_MEDIA__PORTS": "40000-40010"}
    loaded = config.load_with_sources(str(path), environ, search=())
    assert (loaded.settings.sip.port, loaded.settings.sip.host) == (5080, "10.0.0.1")
    assert loaded.settings.sessions.linger == 60.0
    assert loaded.settings.media.ports == PortRange(40000, 40010)
    assert loaded.sources == {
        ("sip", "port"): "environment",
        ("sip", "host"): str(path),
        ("sessions", "linger"): str(path),
        ("media", "ports"): "environment",
    }


def test_a_misspelt_section_is_told_the_nearest_section(tmp_path: Path) -> None:
    [problem] = problems_of(written(tmp_path, "[sesions]\nlinger = 3\n"), {})
    assert problem.endswith("sesions: unknown key, did you mean sessions?")


def test_the_first_file_that_exists_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "[http]\nport = 9000\n")
    search = (str(tmp_path / "missing.toml"), str(path))
    assert config.load_with_sources(None, {}, search=search).settings.http.port == 9000


def test_a_named_file_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path / "none.toml", {})
    assert "a TOML file that can be read" in problem


def test_a_file_that_is_no_toml_is_a_problem(tmp_path: Path) -> None:
    [problem] = problems_of(written(tmp_path, "[sip\n"), {})
    assert "valid TOML" in problem


def test_all_problems_are_reported_at_once_each_with_key_source_and_wish(tmp_path: Path) -> None:
    path = written(tmp_path, "hosts = 1\n[sip]\nprot = 1\nport = 70000\n[media]\nlinger = 3\n")
    environ = {"GB28181_LOGS__LEVEL": "loud", "GB28181_SIP_ID": "1", "GB28181_HTTP__PORT": "x"}
    problems = problems_of(path, environ)
    assert problems == [
        f"{path}: hosts: unknown key, did you mean sip.host?",
        f"{path}: sip.prot: unknown key, did you mean sip.port?",
        f"{path}: media.linger: unknown key, did you mean sessions.linger?",
        "environment: GB28181_SIP_ID: unknown variable, did you mean GB28181_SIP__ID?",
        f"{path}: sip.port: should be whole number, 0 to 65535 (found 70000)",
        "environment: GB28181_HTTP__PORT: should be whole number, 0 to 65535 (found 'x')",
        "environment: GB28181_LOGS__LEVEL: should be 'debug', 'info', 'warning' or 'error'"
        " (found 'loud')",
    ]


def test_a_section_must_be_a_table(tmp_path: Path) -> None:
    [problem] = problems_of(written(tmp_path, "sip = 5060\n"), {})
    assert "a table, written [sip]" in problem


def test_empty_variables_count_as_not_given() -> None:
    environ = {"GB28181_SIP__PORT": "", "GB28181_SIP__PASSWORD": "  ", "GB28181_NONSENSE": ""}
    settings = config.load_with_sources(None, environ, search=()).settings
    assert settings.sip.port == 5060
    assert settings.sip.password is None


def test_variables_of_others_are_passed_over() -> None:
    environ = {
        "GB28181_SKIP_WEB": "1",
        "GB28181_SERVICE_HOST": "10.0.0.1",
        "GB28181_SERVICE_PORT_SIP": "5060",
        "GB28181_PORT": "tcp://10.0.0.1:5060",
        "GB28181_PORT_5060_TCP_ADDR": "10.0.0.1",
        "PATH": "/bin",
    }
    assert config.load_with_sources(None, environ, search=()).sources == {}


def test_lists_switches_and_texts_are_read_from_variables() -> None:
    environ = {
        "GB28181_MEDIA__ALLOW": "10.0.0.0/8, 192.168.1.7",
        "GB28181_DEVICES__AUTO_QUERY": "false",
        "GB28181_ADMIN_PASSWORD": "123456",
        "GB28181_HTTP__PUBLIC_URL": "https://video.example/platform",
    }
    settings = config.load_with_sources(None, environ, search=()).settings
    assert settings.media.allow == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("192.168.1.7/32"),
    )
    assert settings.devices.auto_query is False
    assert settings.admin_password == Secret("123456")
    assert settings.http.public_url == "https://video.example/platform"


def test_a_list_in_a_file_is_an_array(tmp_path: Path) -> None:
    path = written(tmp_path, "[media]\nallow = ['10.0.0.0/8']\n")
    settings = config.load_with_sources(str(path), {}, search=()).settings
    assert settings.media.allow == (ipaddress.ip_network("10.0.0.0/8"),)


def test_the_domain_follows_the_id_unless_it_is_given() -> None:
    environ = {"GB28181_SIP__ID": "34020000002000000001"}
    assert config.load_with_sources(None, environ, search=()).settings.sip.domain == "3402000000"
    environ["GB28181_SIP__DOMAIN"] = "3499000000"
    assert config.load_with_sources(None, environ, search=()).settings.sip.domain == "3499000000"


def test_a_secret_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("geheim\n")
    environ = {"GB28181_SIP__PASSWORD_FILE": str(secret)}
    settings = config.load_with_sources(None, environ, search=()).settings
    assert settings.sip.password == Secret("geheim")
    environ["GB28181_SIP__PASSWORD"] = "other"
    assert problems_of(None, environ) == [
        "environment: sip.password_file: either this or sip.password, not both"
    ]


@pytest.mark.parametrize("content", [None, ""])
def test_a_secret_file_must_hold_one(tmp_path: Path, content: str | None) -> None:
    secret = tmp_path / "password"
    if content is not None:
        secret.write_text(content)
    [problem] = problems_of(None, {"GB28181_SIP__PASSWORD_FILE": str(secret)})
    assert problem.startswith("environment: sip.password_file: ")


def test_no_secret_stands_in_a_problem_or_in_the_repr(tmp_path: Path) -> None:
    path = written(tmp_path, "[sip]\npassword = 987654321\n[database]\nurl = 5\n")
    assert "987654321" not in "".join(problems_of(path, {}))
    environ = {"GB28181_SIP__PASSWORD": "geheim", "GB28181_DATABASE__URL": "postgresql://u:pw@h/d"}
    settings = config.load_with_sources(None, environ, search=()).settings
    shown = f"{settings!r} {settings} {settings.sip!r}"
    assert "geheim" not in shown
    assert "pw@h" not in shown


def test_settings_are_frozen() -> None:
    settings = config.load_with_sources(None, {}, search=()).settings
    with pytest.raises(ValidationError, match="frozen"):
        settings.sip.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"GB28181_HTTP__CERT_FILE": "a.pem"}, "http.cert_file: http.key_file must be given"),
        ({"GB28181_HTTP__KEY_FILE": "a.pem"}, "http.key_file: http.cert_file must be given"),
        ({"GB28181_SIP__PORT": "30500"}, "media.ports: must not contain sip.port 30500"),
        ({"GB28181_MEDIA__RTSP_PORT": "30500"}, "media.ports: must not contain rtsp_port"),
        ({"GB28181_MEDIA__HTTP_PORTS": "30900-31000"}, "media.http_ports: must not overlap"),
        ({"GB28181_HTTP__PORT": "5060"}, "http.port: another port than sip.port"),
        ({"GB28181_SESSIONS__INVITE_TIMEOUT": "10s"}, "sessions.media_timeout: with sessions."),
        ({"GB28181_DEVICES__EXPIRES_MAX": "10min"}, "devices.expires_default: between"),
        ({"GB28181_SIP__T2": "100ms"}, "sip.t2: not shorter than sip.t1"),
    ],
)
def test_keys_that_contradict_each_other_are_a_problem(
    environ: dict[str, str], expected: str
) -> None:
    [problem] = problems_of(None, environ)
    assert expected in problem


def test_a_store_of_recordings_is_given_whole_or_not_at_all(tmp_path: Path) -> None:
    secret = written(tmp_path, "hidden\n")
    environ = {
        "GB28181_RECORDING__S3_ENDPOINT": "http://10.0.0.8:9000",
        "GB28181_RECORDING__S3_BUCKET": "recordings",
        "GB28181_RECORDING__S3_PREFIX": "yinchuan/node-1/",
        "GB28181_RECORDING__S3_ACCESS_KEY": "platform",
        "GB28181_RECORDING__S3_SECRET_KEY_FILE": str(secret),
    }
    settings = config.load_with_sources(None, environ, search=()).settings
    assert settings.recording.s3_secret_key == Secret("hidden")
    assert "hidden" not in repr(settings)
    for name in ("ENDPOINT", "BUCKET", "ACCESS_KEY", "SECRET_KEY_FILE"):
        part = {k: v for k, v in environ.items() if not k.endswith(f"S3_{name}")}
        with pytest.raises(ConfigError) as refused:
            config.load_with_sources(None, part, search=())
        (problem,) = refused.value.problems
        assert problem.key == f"recording.s3_{name.lower().removesuffix('_file')}"
    for name, bad in (
        ("ENDPOINT", "10.0.0.8:9000"),
        ("ENDPOINT", "http://a/b"),
        ("BUCKET", "Under_Score"),
        ("PREFIX", "/x/"),
        ("PREFIX", "no-slash"),
        ("PREFIX", "a//"),
        ("ADDRESSING", "both"),
    ):
        given = {**environ, f"GB28181_RECORDING__S3_{name}": bad}
        with pytest.raises(ConfigError):
            config.load_with_sources(None, given, search=())
