"""Secrets at rest: Fernet (AES-128-CBC + HMAC) under a key file of the data directory.

The key is not in the database, so a copy of the database alone tells no password. It does not
guard against somebody who can read the whole data directory; that is what file modes are for.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

KEY_FILE = "secrets.key"


class Cipher:
    """Encrypts and decrypts short texts."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def encrypt(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def decrypt(self, token: str) -> str | None:
        """The clear text, or None when it was encrypted under another key."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            return None


def derived_key(key: bytes, purpose: str) -> bytes:
    """32 bytes of their own for one purpose, always the same of the same key file."""
    return hmac.digest(key, f"gb28181 {purpose}".encode(), "sha256")


def load_key(data_dir: Path) -> bytes:
    """The key of this data directory; directory and key are made when missing, closed to others.

    The new key is written beside and linked into place, so that two processes that start together
    agree on one key and a crash leaves either no file or a whole one.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = data_dir / KEY_FILE
    if not path.exists():
        draft = data_dir / f"{KEY_FILE}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # the other process was first: its key counts
        finally:
            draft.unlink()
    return path.read_bytes().strip()
