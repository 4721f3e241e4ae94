"""Settings of the platform: values in (TOML file, environment), one frozen `Settings` out.

Knows neither the network nor any other package of the project.
"""

from config.errors import ConfigError, Problem
from config.load import Loaded, load, load_with_sources
from config.schema import Settings
from config.sections import (
    ClusterSettings,
    ControlSettings,
    DatabaseSettings,
    DeviceSettings,
    HttpSettings,
    LogSettings,
    MediaSettings,
    ProgrammeSettings,
    SessionSettings,
    SipSettings,
    StoreSettings,
)
from config.types import PortRange, Secret

__all__ = [
    "ClusterSettings",
    "ConfigError",
    "ControlSettings",
    "DatabaseSettings",
    "DeviceSettings",
    "HttpSettings",
    "Loaded",
    "LogSettings",
    "MediaSettings",
    "PortRange",
    "Problem",
    "ProgrammeSettings",
    "Secret",
    "SessionSettings",
    "Settings",
    "SipSettings",
    "StoreSettings",
    "load",
    "load_with_sources",
]
