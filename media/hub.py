"""One stream: units in, every viewer served, muxed once for each container.

The hub keeps the pictures since the last key frame, knows when the stream has really begun and
what is in it, and hands each unit to the audiences of the containers that are looked at.

A stream that began with sound only ends for its viewers when pictures appear: they have to come
again, because a player cannot add a track it was not told of in the first header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from media.errors import ViewersExhausted
from media.hls.feed import HlsFeed, HlsPlayer
from media.node import Sound, ViewerKind
from media.options import HubLimits
from media.output.audience import AUDIO_WAIT, Audience
from media.output.containers import OUTPUTS
from media.output.flv_output import still
from media.output.fmp4 import carries_audio
from media.output.gop import GopCache
from media.output.viewers import StreamViewer, ViewerState
from media.record.spool import Break, Entry
from media.sound.shop import MadeSound, SoundShop
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec, FormatChanged, VideoFormat

AUDIO_ONLY_AFTER = CLOCK_HZ


class Sink(Protocol):
    """A recording that gets what players of fMP4 would: pictures, and sound as AAC."""

    def set_format(self, video: VideoFormat | None, sound: AudioFormat | None) -> None: ...
    def begin(self, units: list[AccessUnit]) -> None: ...
    def push(self, unit: AccessUnit) -> None: ...
    def interrupt(self) -> None: ...


class Hub:
    """A stream and its viewers."""

    __slots__ = (
        "_audiences",
        "_audio_only",
        "_bytes_gone",
        "_dropped_gone",
        "_first_audio",
        "_gop",
        "_hls",
        "_key",
        "_key_dts",
        "_limits",
        "_made",
        "_made_of",
        "_need_key",
        "_on_format",
        "_on_no_sound",
        "_on_started",
        "_on_viewers",
        "_sink",
        "_sound_broken",
        "_sound_told",
        "_sounds",
        "_tap",
        "audio",
        "complete",
        "started",
        "stream_id",
        "video",
    )

    def __init__(
        self,
        stream_id: str,
        limits: HubLimits,
        *,
        on_started: Callable[[], None],
        on_format: Callable[[], None],
        on_viewers: Callable[[int], None],
        on_no_sound: Callable[[str], None] = lambda _: None,
        sounds: SoundShop | None = None,
    ) -> None:
        """Without `sounds` no AAC is made of other sound."""
        self.stream_id = stream_id
        self.video: VideoFormat | None = None
        self.audio: AudioFormat | None = None
        self.started = False
        """A decodable key frame came, or a second of sound without a picture."""
        self.complete = False
        """What is not told of yet will not come: no sound is waited for."""
        self._limits = limits
        self._on_started = on_started
        self._on_format = on_format
        self._on_viewers = on_viewers
        self._gop = GopCache(limits.gop_bytes, limits.gop_s)
        self._audiences: dict[ViewerKind, Audience] = {}  # those somebody is in
        self._on_no_sound = on_no_sound
        self._sounds = sounds
        self._made: MadeSound | None = None
        self._made_of: AudioFormat | None = None
        self._sound_broken = False
        self._sound_told = False
        self._hls: dict[Sound, HlsFeed] = {}  # those somebody asks for
        self._tap: Callable[[Entry], None] | None = None
        self._sink: Sink | None = None
        self._need_key = True
        self._audio_only = False
        self._first_audio: int | None = None
        self._key: AccessUnit | None = None
        self._key_dts = 0
        self._bytes_gone = 0
        self._dropped_gone = 0

    def __repr__(self) -> str:
        state = "started" if self.started else "waiting"
        return f"<Hub {self.stream_id} {state} viewers={self.viewer_count} {self._gop!r}>"

    @property
    def viewer_count(self) -> int:
        return sum(map(len, self._audiences.values())) + sum(map(len, self._hls.values()))

    @property
    def bytes_out(self) -> int:
        players = sum(player.bytes_out for feed in self._hls.values() for player in feed.players)
        return self._bytes_gone + players + sum(v.bytes_out for v in self._viewers())

    @property
    def dropped_frames(self) -> int:
        return self._dropped_gone + sum(v.dropped_frames for v in self._viewers())

    @property
    def aac(self) -> AudioFormat | None:
        """The sound of outputs that carry nothing but AAC; None while none is made."""
        audio = self.audio
        if audio is not None and audio.codec is Codec.AAC:
            return audio
        return None if self._made is None else self._made.format

    @property
    def promised_aac(self) -> AudioFormat | None:
        """The same, where it would be made for a listener."""
        audio, sounds = self.audio, self._sounds
        if self.aac is None and audio is not None and sounds is not None:
            return MadeSound.format if sounds.makes(audio.codec) else None
        return self.aac

    def feed(self, outs: Iterable[AccessUnit | FormatChanged]) -> None:
        """What the pipeline gave for one packet."""
        for out in outs:
            if isinstance(out, FormatChanged):
                self._set_format(out)
                if self._tap is not None:
                    self._tap(out)
                continue
            if self._need_key and not self._begins(out):
                continue
            self._gop.push(out)
            if out.key and out.video:
                self._key = out
            if self._tap is not None:
                self._tap(out)
            if self._audiences or self._hls or self._sink is not None:
                self._publish(out)
                if self._made is not None:
                    self._hear(self._made, out)

    def interrupt(self) -> None:
        """A new sender takes the stream over: go on with its first key frame."""
        self._need_key = True
        self._audio_only = False
        self._first_audio = self._key = None
        self._empty_cache()
        for feed in self._hls.values():
            feed.interrupt()
        if self._tap is not None:
            self._tap(Break())
        if self._sink is not None:
            self._sink.interrupt()

    def tap(self, take: Callable[[Entry], None] | None) -> None:
        """Give every unit to a recording, beginning with the pictures since the last key frame."""
        self._tap = take
        if take is not None and (self.video is not None or self.audio is not None):
            take(FormatChanged(self.video, self.audio))
            if not self._need_key:
                for unit in self._gop:
                    if unit.video or (self.audio and unit.codec is self.audio.codec):
                        take(unit)

    def record(self, sink: Sink | None) -> None:
        """Give everything to a recording from the last key frame on, or no longer."""
        self._sink = sink
        if sink is not None:
            self._begin_sound()
            sink.set_format(self.video, self._heard("aac"))
            if not self._need_key:
                sink.begin(list(self._gop))
        elif self._made is not None and not self._listens:
            self._end_sound()

    def key_frame(self) -> bytes:
        """The last key frame, an FLV file of one picture; b"" while there is none."""
        if self._key is None or self.video is None:
            return b""
        return still(self.video, self._key)

    def _begins(self, unit: AccessUnit) -> bool:
        """Whether the stream (again) begins with this unit."""
        if unit.video:
            if not unit.key or self.video is None:
                return False
            self._key_dts = unit.dts
        else:
            if self._first_audio is None:
                self._first_audio = unit.dts
            if self.video is not None or unit.dts - self._first_audio < AUDIO_ONLY_AFTER:
                return False
            self._audio_only = True
        self._need_key = False
        if not self.started:
            self.started = True
            self._on_started()
        return True

    def _set_format(self, change: FormatChanged) -> None:
        old_video, old_audio = self.video, self.audio
        if (old_video, old_audio) == (change.video, change.audio):
            return
        self.video, self.audio = change.video, change.audio
        if old_audio is not None and old_audio != change.audio:
            self._empty_cache()  # cached sound would not fit the new header
        if self._audio_only and change.video is not None:
            self._picture_appeared()
        if old_audio != change.audio:
            self._sound_broken = self._sound_told = False
        self._end_sound_of_another()
        self._tell_formats()
        self._begin_sound()
        if self.started:
            self._on_format()

    def _picture_appeared(self) -> None:
        self._audio_only = False
        self._need_key = True
        for viewer in self._viewers():
            if viewer.queue.state is not ViewerState.WAITING:
                viewer.end("format_changed")
                self._leave(viewer)

    def _publish(self, unit: AccessUnit) -> None:
        begins = (unit.video and unit.key) or self._audio_only
        sound_due = self._sound_due(unit.dts)
        for audience in self._audiences.values():
            audience.publish(unit, begins, sound_due)
        for feed in self._hls.values():
            feed.push(unit)
        if self._sink is not None:
            self._sink.push(unit)

    def _tell_formats(self) -> None:
        for audience in self._audiences.values():
            audience.set_format(self.video, self.audio, self.aac)
        for sound, feed in self._hls.items():
            feed.set_format(self.video, self._heard(sound))
        if self._sink is not None:
            self._sink.set_format(self.video, self._heard("aac"))

    def _heard(self, sound: Sound) -> AudioFormat | None:
        """The track of HLS for who wishes this."""
        track = {"aac": self.aac, "auto": self.audio}.get(sound)
        return track if track is not None and carries_audio(track) else None

    @property
    def _listens(self) -> bool:
        if "aac" in self._hls or self._sink is not None:
            return True
        return any(a.listens for a in self._audiences.values())

    def _begin_sound(self, *, wanted: bool = False) -> None:
        """Have AAC made, where somebody wants it and the camera sends something else."""
        audio, sounds = self.audio, self._sounds
        if self.aac is not None or audio is None or sounds is None or self._sound_broken:
            return
        if not (wanted or self._listens):
            return
        self._made = made = sounds.open(audio.codec, self._take_made, self._sound_failed)
        if made is None:
            self._tell_no_sound(f"no place to make AAC of {audio.codec}")
            return
        self._made_of = audio
        self._sound_told = False
        self._tell_formats()
        for unit in self._gop:
            if unit.codec is audio.codec:
                made.push(unit)

    def _hear(self, made: MadeSound, unit: AccessUnit) -> None:
        if unit.video:
            made.passed(unit.dts)
        else:
            made.push(unit)

    def _take_made(self, units: list[AccessUnit]) -> None:
        """AAC comes back, a little behind what it was made of."""
        if self._need_key:
            return
        for unit in units:
            self._gop.push(unit)
            self._publish(unit)

    def _end_sound(self) -> None:
        made, self._made, self._made_of = self._made, None, None
        if made is not None:
            made.close()
            self._gop.drop(
                made.format.codec
            )  # it ends here, and would be a gap for who comes later
            for audience in self._audiences.values():
                audience.forget()
            self._tell_formats()

    def _end_sound_of_another(self) -> None:
        if self._made is not None and self._made_of != self.audio:
            self._end_sound()

    def _sound_failed(self, reason: str) -> None:
        self._end_sound()
        self._sound_broken = True
        self._tell_no_sound(reason)

    def _tell_no_sound(self, reason: str) -> None:
        if not self._sound_told:
            self._sound_told = True
            self._on_no_sound(reason)

    def _sound_due(self, dts: int) -> bool:
        """Whether a viewer who wants sound need not wait for it any more."""
        known = self.complete or self.audio is not None
        return known or dts - self._key_dts >= AUDIO_WAIT

    def open_viewer(self, kind: ViewerKind = "flv", *, audio: Sound) -> StreamViewer:
        """A new viewer, with the cached pictures already queued.  Raises ViewersExhausted."""
        self._admit()
        viewer = StreamViewer(self._limits.queue_bytes, audio=audio, on_close=self._leave)
        audience = self._audiences.get(kind)
        if audience is None:
            audience = self._audiences[kind] = Audience(OUTPUTS[kind](self._gop))
            audience.set_format(self.video, self.audio, self.aac)
        audience.add(viewer)
        self._begin_sound()
        if not self._need_key:
            last = max((unit.dts for unit in self._gop), default=self._key_dts)
            audience.start(viewer, None, self._sound_due(last))
        self._on_viewers(self.viewer_count)
        return viewer

    def open_hls(self, *, audio: Sound) -> HlsPlayer:
        """A new player by HLS.  Raises ViewersExhausted."""
        self._admit()
        sound: Sound = "auto" if audio == "raw" else audio
        feed = self._hls.get(sound)
        if feed is None:
            if sound == "aac":
                self._begin_sound(wanted=True)
            past = () if self._need_key else self._gop
            feed = HlsFeed(self.stream_id, self.video, self._heard(sound), past, self._player_left)
            self._hls[sound] = feed
        player = feed.join()
        self._on_viewers(self.viewer_count)
        return player

    def _player_left(self, player: HlsPlayer) -> None:
        self._bytes_gone += player.bytes_out
        for sound in [sound for sound, feed in self._hls.items() if not len(feed)]:
            self._hls.pop(sound).close("left")
        if self._made is not None and not self._listens:
            self._end_sound()
        self._on_viewers(self.viewer_count)

    def _admit(self) -> None:
        if self.viewer_count >= self._limits.viewers:
            raise ViewersExhausted(f"{self.stream_id}: {self.viewer_count} viewers")

    def _viewers(self) -> list[StreamViewer]:
        return [viewer for audience in self._audiences.values() for viewer in audience]

    def _leave(self, viewer: StreamViewer) -> None:
        kind = next((k for k, audience in self._audiences.items() if viewer in audience), None)
        if kind is None:
            return
        audience = self._audiences[kind]
        audience.remove(viewer)
        self._bytes_gone += viewer.bytes_out
        self._dropped_gone += viewer.dropped_frames
        if not len(audience):
            del self._audiences[kind]
        if self._made is not None and not self._listens:
            self._end_sound()
        self._on_viewers(self.viewer_count)

    def _empty_cache(self) -> None:
        self._gop.clear()
        for audience in self._audiences.values():
            audience.forget()

    def tick(self, now: float) -> None:
        """Once a second: close viewers that read nothing."""
        stall_s = self._limits.stall_s
        for viewer in [v for v in self._viewers() if v.is_stalled(now, stall_s)]:
            viewer.queue.discard()
            viewer.end("stalled")
            self._leave(viewer)
        for feed in list(self._hls.values()):
            feed.tick(now)

    def close(self, reason: str) -> None:
        """End the stream; viewers read what is queued and then end with this reason."""
        for viewer in self._viewers():
            viewer.end(reason)
            self._leave(viewer)
        for feed in list(self._hls.values()):
            feed.close(reason)
        self._end_sound()
        self._key = None
        self._gop.clear()
