"""The whole of the settings as one frozen tree; `load.py` makes it, `app.py` hands out branches."""

from __future__ import annotations

from pydantic import Field

from config.recording import RecordingSettings
from config.sections import (
    ClusterSettings,
    ControlSettings,
    DatabaseSettings,
    DeviceSettings,
    HttpSettings,
    LogSettings,
    MediaSettings,
    ProgrammeSettings,
    PushSettings,
    Section,
    SessionSettings,
    SipSettings,
    SourceSettings,
    StoreSettings,
    TalkSettings,
)
from config.types import SecretText


class Settings(Section):
    """Everything the platform can be told."""

    data_dir: str = Field("./data", min_length=1)
    """Folder of everything that must last: database, keys, recordings."""
    admin_password: SecretText | None = None
    """Password of the user `admin`, read at first start only; generated and shown once when not
    given."""
    sip: SipSettings = SipSettings()
    devices: DeviceSettings = DeviceSettings()
    sessions: SessionSettings = SessionSettings()
    media: MediaSettings = MediaSettings()
    http: HttpSettings = HttpSettings()
    control: ControlSettings = ControlSettings()
    talk: TalkSettings = TalkSettings()
    recording: RecordingSettings = RecordingSettings()
    sources: SourceSettings = SourceSettings()
    pushes: PushSettings = PushSettings()
    database: DatabaseSettings = DatabaseSettings()
    cluster: ClusterSettings = ClusterSettings()
    store: StoreSettings = StoreSettings()
    logs: LogSettings = LogSettings()
    programme: ProgrammeSettings = ProgrammeSettings()
