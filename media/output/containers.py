"""Every container a viewer may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from media.node import ViewerKind
from media.output.container import Output
from media.output.flv_output import FlvOutput
from media.output.fmp4_output import Fmp4Output
from media.output.ps_output import PsOutput
from media.output.rtp_output import RtpOutput

OUTPUTS: Final[Mapping[ViewerKind, type[Output]]] = {
    "flv": FlvOutput,
    "fmp4": Fmp4Output,
    "rtp": RtpOutput,
    "ps": PsOutput,
}
