"""Every container a viewer may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from media.flv_output import FlvOutput
from media.fmp4_output import Fmp4Output
from media.node import ViewerKind
from media.output import Output
from media.rtp_output import RtpOutput

OUTPUTS: Final[Mapping[ViewerKind, type[Output]]] = {
    "flv": FlvOutput,
    "fmp4": Fmp4Output,
    "rtp": RtpOutput,
}
