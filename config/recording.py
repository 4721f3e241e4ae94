"""Settings of what the platform records itself."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from config.sections import Section
from config.types import Duration, SecretText, Size

GIB = 1024**3
DAY = 86400.0


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError("a time zone such as Asia/Shanghai") from None
    return name


class RecordingSettings(Section):
    """What the platform records itself: by plan, by hand, by alarm."""

    folder: str | None = None
    """Folder of the recordings; `recordings` in `data_dir` when not given."""
    segment: Duration = Field(600.0, ge=1, le=3600)
    """Length of a file; it ends at the first key frame after that."""
    zone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    """Time zone of plans, and of date and time in the names of files."""
    retention: Duration = Field(30 * DAY, ge=0, le=3650 * DAY)
    """How long recordings are kept, protected ones apart; 0: as long as there is room."""
    quota: Size = Field(0, ge=0, le=1024**6)
    """Bytes all recordings may take; 0: as many as the disk has."""
    reserve: Size = Field(2 * GIB, ge=0, le=1024**5)
    """Bytes of the disk that stay free."""
    overwrite: bool = True
    """At the quota, or at the reserve, the oldest recordings that are not protected go; else, and
    when there are none, recording pauses until there is room."""
    playbacks: int = Field(32, ge=0, le=1000)
    """Recordings of the platform shown as streams at one time."""
    export_retention: Duration = Field(7 * DAY, ge=60, le=3650 * DAY)
    """How long exported files are kept."""
    look: Duration = Field(10.0, ge=0.2, le=600)
    """How often the room is looked at."""
    s3_endpoint: str | None = Field(None, pattern=r"^https?://[A-Za-z0-9._\[\]:-]+/?$")
    """Address of an S3-compatible store, such as `http://10.0.0.8:9000`. Files are written to the
    local folder as ever; whole ones are brought to the store, checked there, and freed here."""
    s3_bucket: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    """Bucket of the recordings; it has to exist."""
    s3_prefix: str = Field("", pattern=r"^([0-9A-Za-z_.=-]+/)*$", max_length=256)
    """Before the name of every object: empty, or with `/` at its end. Each platform has its own."""
    s3_region: str = Field("us-east-1", pattern=r"^[0-9A-Za-z-]{1,64}$")
    """Region the requests are signed for."""
    s3_access_key: str | None = Field(None, min_length=1, max_length=256)
    """Name of the key that may read, write, list and delete in the bucket."""
    s3_secret_key: SecretText | None = None
    """The secret that belongs to it."""
    s3_addressing: Literal["path", "virtual"] = "path"
    """`path`: endpoint/bucket/name; `virtual`: bucket.endpoint/name, as large clouds want it."""
    s3_quota: Size = Field(0, ge=0, le=1024**6)
    """Bytes recordings may take in the store; 0: no limit. At the quota the oldest go, as
    `overwrite` says."""
