"""Recorded speech in the data directory: uploaded once, decoded once, played as often as wanted.

A file is kept as what loudspeakers take (A-law, 8 kHz: 480,000 bytes a minute) beside a small JSON
with its name. Files are few and bounded; the disk is read and written in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gb28181.errors import BadInput, Busy, NotFound, PlatformError
from media.sound.g711 import SAMPLE_RATE
from media.sound.speech import AudioUnusable, decode_file

_ID: Final = re.compile(r"[0-9a-f]{16}")
PARALLEL: Final = 1
"""Files decoded at one time; each keeps a thread busy."""
WAITING: Final = 4
"""Uploads that wait for that; the next one gets 503."""
MOST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class VoiceOptions:
    """From the settings."""

    file_bytes: int
    file_s: float
    files: int


@dataclass(frozen=True, slots=True)
class Voice:
    """One piece of recorded speech."""

    voice_id: str
    name: str
    duration_s: float
    created_at: datetime


class Voices:
    """Those of one node."""

    def __init__(self, folder: Path, options: VoiceOptions) -> None:
        self.options = options
        self._folder = folder
        self._found: dict[str, Voice] = {}
        self._turn = asyncio.Semaphore(PARALLEL)
        self._waiting = 0

    async def start(self) -> None:
        """Read what there is."""
        self._found = await asyncio.to_thread(_read_all, self._folder)

    def all(self) -> list[Voice]:
        """Newest first."""
        return sorted(self._found.values(), key=lambda voice: voice.created_at, reverse=True)

    def get(self, voice_id: str) -> Voice:
        """Raises NotFound."""
        voice = self._found.get(voice_id)
        if voice is None:
            raise NotFound("voice", voice_id[:64])
        return voice

    async def samples(self, voice_id: str) -> bytes:
        """A-law of a voice; raises NotFound."""
        voice = self.get(voice_id)
        try:
            return await asyncio.to_thread((self._folder / f"{voice.voice_id}.alaw").read_bytes)
        except OSError as error:
            raise PlatformError("voice_lost", f"the file cannot be read: {error}", 500) from error

    async def add(self, voice_id: str, name: str, data: bytes) -> Voice:
        """Decode and keep a file; raises BadInput, Busy, PlatformError(voices_full)."""
        if len(self._found) >= self.options.files:
            message = f"{self.options.files} voices are kept already; delete one"
            raise PlatformError("voices_full", message, 409)
        if self._waiting > WAITING:
            raise Busy("voices_busy", "other files are being decoded; try again")
        self._waiting += 1
        try:
            async with self._turn:
                try:
                    samples = await asyncio.to_thread(decode_file, data, self.options.file_s)
                except AudioUnusable as error:
                    raise BadInput(str(error)) from error
                voice = Voice(
                    voice_id,
                    name[:MOST_NAME],
                    round(len(samples) / SAMPLE_RATE, 2),
                    datetime.now(UTC),
                )
                await asyncio.to_thread(_write, self._folder, voice, samples)
        finally:
            self._waiting -= 1
        self._found[voice_id] = voice
        return voice

    async def delete(self, voice_id: str) -> None:
        """Raises NotFound."""
        voice = self.get(voice_id)
        del self._found[voice_id]
        await asyncio.to_thread(_delete, self._folder, voice.voice_id)


def _write(folder: Path, voice: Voice, samples: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{voice.voice_id}.alaw").write_bytes(samples)
    # The JSON last: a voice whose samples are not all there does not exist.
    told = asdict(voice) | {"created_at": voice.created_at.isoformat()}
    (folder / f"{voice.voice_id}.json").write_text(json.dumps(told, ensure_ascii=False), "utf-8")


def _delete(folder: Path, voice_id: str) -> None:
    for suffix in ("json", "alaw"):
        with contextlib.suppress(OSError):
            (folder / f"{voice_id}.{suffix}").unlink()


def _read_all(folder: Path) -> dict[str, Voice]:
    found: dict[str, Voice] = {}
    for path in folder.glob("*.json"):
        voice = _read(path)
        if voice is not None and path.with_suffix(".alaw").is_file():
            found[voice.voice_id] = voice
    return found


def _read(path: Path) -> Voice | None:
    """A voice as it was written; None for anything else that lies there."""
    if not _ID.fullmatch(path.stem):
        return None
    try:
        told = json.loads(path.read_text("utf-8"))
        created = datetime.fromisoformat(told["created_at"])
        return Voice(path.stem, str(told["name"]), float(told["duration_s"]), created)
    except (OSError, ValueError, KeyError, TypeError):
        return None
