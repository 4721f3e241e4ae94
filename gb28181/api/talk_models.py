"""What is asked and told of talks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gb28181.talk.conversation import Source, TalkState
from gb28181.talk.leg_words import Step
from gb28181.talk.talk import Mode


class SpeechIn(BaseModel):
    """How a single channel or device is spoken to."""

    mode: Mode = Field(
        Mode.BROADCAST,
        description="`broadcast`: speech to the device (both editions). `talk`: the same, and the "
        "live picture of the channel is begun for its sound. `talk-2016`: one dialog with speech "
        "both ways (`s=Talk`), for devices of 2016 that know it.",
    )
    source: Source = Source.MICROPHONE
    voice_id: str | None = Field(None, description="of recorded speech, for source `file`")
    loop: bool = Field(False, description="play it again and again")
    voice_output: str = Field(
        "", max_length=20, description="code of the loudspeaker (137), where it has to be named"
    )


class TargetIn(BaseModel):
    """A channel or a device."""

    channel_id: str = Field("", max_length=64)
    device_id: str = Field("", max_length=64)
    voice_output: str = Field("", max_length=20)


class TalkIn(BaseModel):
    """Speech to many."""

    targets: Annotated[list[TargetIn], Field(min_length=1, max_length=10_000)]
    mode: Mode = Mode.BROADCAST
    source: Source = Source.MICROPHONE
    voice_id: str | None = None
    loop: bool = False


class TargetOut(BaseModel):
    """One target: where it stands, and why it does not hear."""

    model_config = ConfigDict(from_attributes=True)

    target_id: str
    channel_id: str
    device_id: str
    voice_output: str = Field(description="the code the device was asked with")
    state: Step
    reason: str | None
    leg: str | None
    message: str | None
    message_zh: str | None
    sip_status: int | None
    session_id: str | None
    transport: str | None
    remote: str | None
    packets: int = Field(description="sent so far, 50 a second")
    running_at: datetime | None
    ended_at: datetime | None


class ListenOut(BaseModel):
    """The live picture of mode `talk`: its sound is what the device hears."""

    stream_id: str
    state: Literal["running", "failed"]
    leg: str | None = None
    message: str | None = None


class TalkOut(BaseModel):
    """A talk."""

    model_config = ConfigDict(from_attributes=True)

    talk_id: str
    mode: Mode
    source: Source
    voice_id: str | None
    loop: bool
    state: TalkState
    reason: str | None
    speaking: bool
    created_by: str
    created_at: datetime
    ended_at: datetime | None
    targets: list[TargetOut]
    microphone: str | None = Field(
        None, description="address of its microphone (WebSocket), with a ticket"
    )
    listen: ListenOut | None = None
