"""A bucket of an S3-compatible store as a place of recordings.

A segment is one object, under the prefix and the path it has on the disk; beside it lies its
outline, so that what is in it is known without reading it. Reading is by ranges, in blocks, the
last of which are kept: a film asks for many small pieces one behind the other.

A file counts as kept when the store has it with its size and with the checksum we made of it. Of a
store whose checksums are none of the content (encrypted by the store, for one) it is read back.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from media.errors import StreamFormatError
from media.record import outline
from media.record.fragments import Layout, scan

from .storage import StorageUnreachable, checked
from .threads import LooseThreads

PART = 8 << 20
"""Bytes of one request that brings a file, or part of one."""
BLOCK = 1 << 20
"""Bytes of one request that reads."""
KEPT_BLOCKS = 32
THREADS = 16
CONNECT_S = 5.0
ANSWER_S = 30.0
TRIES = 2
AWAY_S = 5.0
"""A store that could not be reached is not asked for so long."""
OUTLINE = ".outline"
_NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True, slots=True)
class BucketOptions:
    """Which bucket, and who we are to it."""

    endpoint: str
    bucket: str
    prefix: str = ""
    """Before every name; empty, or with `/` at its end."""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = ""
    addressing: str = "path"
    """`path`: endpoint/bucket/name; `virtual`: bucket.endpoint/name."""
    quota: int = 0
    """Bytes of recordings in it; 0: none."""

    def __repr__(self) -> str:
        return f"<BucketOptions {self.endpoint} {self.bucket}/{self.prefix}>"


class Bucket:
    """`storage.Storage` in a bucket; its calls may be made in several threads at once."""

    def __init__(self, options: BucketOptions) -> None:
        self.options = options
        self.threads: Executor | None = LooseThreads(THREADS, "recording store")
        self.trouble = ""
        """Why nothing is brought; empty: the store takes files."""
        self._client: Any = None
        self._lock = Lock()
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._away_until = 0.0

    def __repr__(self) -> str:
        return f"<Bucket {self.options!r}>"

    def close(self) -> None:
        """Wait for nothing."""
        if self.threads is not None:
            self.threads.shutdown(wait=False)

    # --- what every place can ----------------------------------------------------------------

    def size(self, path: str) -> int:
        with self._asking(path) as client:
            return int(client.head_object(**self._named(path))["ContentLength"])

    def read(self, path: str, at: int, size: int) -> bytes:
        out = bytearray()
        while size > len(out):
            block, skip = divmod(at + len(out), BLOCK)
            data = self._block(path, block)
            out += data[skip : skip + size - len(out)]
            if len(data) < BLOCK:
                break
        return bytes(out)

    def layout(self, path: str) -> Layout:
        try:
            with self._asking(path) as client:
                named = self._named(f"{checked(path)}{OUTLINE}")
                answer = client.get_object(**named)
                data = answer["Body"].read(outline.MOST + 1)
            return outline.unpack(data)
        except (FileNotFoundError, StreamFormatError):
            # Of a file that came without one: slower, and as good.
            return scan(lambda at, size: self.read(path, at, size), self.size(path))

    def delete(self, path: str) -> None:
        with self._asking(path) as client, contextlib.suppress(FileNotFoundError):
            client.delete_object(**self._named(path))
            client.delete_object(**self._named(path + OUTLINE))
        with self._lock:
            for key in [key for key in self._blocks if key[0] == path]:
                del self._blocks[key]

    def walk(self) -> Iterator[str]:
        prefix = self.options.prefix
        with self._asking("") as client:
            pages = client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.options.bucket, Prefix=prefix):
                for one in page.get("Contents", ()):
                    path = str(one["Key"]).removeprefix(prefix)
                    if path.endswith(".mp4") and path.count("/") == 2:
                        yield path

    # --- bringing ----------------------------------------------------------------------------

    def look(self) -> None:
        """Raises StorageUnreachable when the bucket cannot be used."""
        self._away_until = 0.0
        with self._asking("") as client:
            client.head_bucket(Bucket=self.options.bucket)

    def put(self, path: str, file: Path) -> None:
        """Keep a copy of a whole file; one that is there already with these bytes is kept.

        Raises OSError: for what cannot be read here, StorageUnreachable, or because what is there
        afterwards is not the same.
        """
        with self._asking(path) as client, file.open("rb") as source:
            size, tag = _checksum(source)
            if self._has(client, path, size, tag):
                return
            self._put_outline(client, path, file)
            source.seek(0)
            if size <= PART:
                self._put_whole(client, path, source.read())
            else:
                self._put_parts(client, path, source)
            if not (self._has(client, path, size, tag) or self._reads_back(client, path, source)):
                raise OSError(f"{path} differs in the store from what was sent")

    def _has(self, client: Any, path: str, size: int, tag: str) -> bool:
        try:
            found = client.head_object(**self._named(path))
        except self._errors().ClientError as error:
            if _code(error) in _NOT_THERE:
                return False
            raise
        there = str(found.get("ETag", "")).strip('"').lower()
        return int(found["ContentLength"]) == size and there == tag

    def _reads_back(self, client: Any, path: str, source: BinaryIO) -> bool:
        source.seek(0)
        try:
            body = client.get_object(**self._named(path))["Body"]
        except self._errors().ClientError as error:
            if _code(error) in _NOT_THERE:
                return False
            raise
        while data := body.read(BLOCK):
            if data != source.read(len(data)):
                return False
        return not source.read(1)

    def _put_outline(self, client: Any, path: str, file: Path) -> None:
        def read(at: int, size: int) -> bytes:
            source.seek(at)
            return source.read(size)

        with contextlib.suppress(StreamFormatError), file.open("rb") as source:
            data = outline.pack(scan(read, file.stat().st_size))
            self._put_whole(client, path + OUTLINE, data)

    def _put_whole(self, client: Any, path: str, data: bytes) -> None:
        kind = "video/mp4" if path.endswith(".mp4") else "application/octet-stream"
        client.put_object(**self._named(path), Body=data, ContentMD5=_md5(data), ContentType=kind)

    def _put_parts(self, client: Any, path: str, source: BinaryIO) -> None:
        named = self._named(path)
        self._abort_begun(client, path)
        upload = client.create_multipart_upload(**named, ContentType="video/mp4")["UploadId"]
        parts: list[dict[str, object]] = []
        try:
            while data := source.read(PART):
                number = len(parts) + 1
                told = client.upload_part(
                    **named, UploadId=upload, PartNumber=number, Body=data, ContentMD5=_md5(data)
                )
                parts.append({"PartNumber": number, "ETag": told["ETag"]})
            client.complete_multipart_upload(
                **named, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            with contextlib.suppress(Exception):  # the next try, or the store's rule, ends it
                client.abort_multipart_upload(**named, UploadId=upload)
            raise

    def _abort_begun(self, client: Any, path: str) -> None:
        """What an earlier run was killed in the middle of."""
        named = self._named(path)
        bucket, key = named["Bucket"], named["Key"]
        with contextlib.suppress(self._errors().ClientError):  # not every key may list them
            found = client.list_multipart_uploads(Bucket=bucket, Prefix=key)
            for one in found.get("Uploads", ()):
                if one["Key"] == key:
                    client.abort_multipart_upload(**named, UploadId=one["UploadId"])

    # --- asking ------------------------------------------------------------------------------

    def _block(self, path: str, number: int) -> bytes:
        with self._lock:
            known = self._blocks.get((path, number))
            if known is not None:
                self._blocks.move_to_end((path, number))
                return known
        first = number * BLOCK
        span = f"bytes={first}-{first + BLOCK - 1}"
        with self._asking(path) as client:
            try:
                data: bytes = client.get_object(**self._named(path), Range=span)["Body"].read()
            except self._errors().ClientError as error:
                if _code(error) not in ("InvalidRange", "416"):
                    raise
                data = b""  # behind the end
        if len(data) > BLOCK:
            raise OSError(f"{path}: the store does not know ranges")
        with self._lock:
            self._blocks[path, number] = data
            while len(self._blocks) > KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return data

    def _named(self, path: str) -> dict[str, str]:
        return {
            "Bucket": self.options.bucket,
            "Key": self.options.prefix + checked(path).as_posix(),
        }

    @contextlib.contextmanager
    def _asking(self, path: str) -> Iterator[Any]:
        """The client; its errors become those of a place."""
        errors = self._errors()
        if time.monotonic() < self._away_until:
            raise StorageUnreachable("the store could not be reached")
        try:
            yield self._connected()
        except errors.ClientError as error:
            if _code(error) in _NOT_THERE and path:
                raise FileNotFoundError(f"{path} is not in the store") from error
            raise StorageUnreachable(str(error)) from error
        except errors.BotoCoreError as error:
            self._away_until = time.monotonic() + AWAY_S
            raise StorageUnreachable(str(error)) from error

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _client(self.options)
            return self._client

    @staticmethod
    def _errors() -> Any:
        import botocore.exceptions  # an extra: only who has a store needs it

        return botocore.exceptions


def _client(options: BucketOptions) -> Any:
    import botocore.config
    import botocore.session

    config = botocore.config.Config(
        connect_timeout=CONNECT_S,
        read_timeout=ANSWER_S,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        max_pool_connections=THREADS,
        signature_version="s3v4",
        s3={"addressing_style": options.addressing},
        # Many compatible stores do not know the newer checksums; Content-MD5 they all know.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return botocore.session.Session().create_client(
        "s3",
        region_name=options.region,
        endpoint_url=options.endpoint,
        aws_access_key_id=options.access_key,
        aws_secret_access_key=options.secret_key,
        config=config,
    )


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _md5(data: bytes) -> str:
    return b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _checksum(source: BinaryIO) -> tuple[int, str]:
    """(size, the tag a store gives a file that was brought in parts of ours)."""
    size, digests = 0, []
    while data := source.read(PART):
        size += len(data)
        digests.append(hashlib.md5(data, usedforsecurity=False))
    if size <= PART:
        return size, (digests[0] if digests else hashlib.md5(usedforsecurity=False)).hexdigest()
    whole = hashlib.md5(b"".join(one.digest() for one in digests), usedforsecurity=False)
    return size, f"{whole.hexdigest()}-{len(digests)}"
