"""An S3 API on loopback: one bucket in memory, what clients of Delta Lake and of files ask for, and the faults of a real one.

It knows: objects (whole, ranges, conditional puts, copies), listings in pages, removals one by one and many at once, uploads in parts.
Signatures are not checked, but the access key's id is, so that a request shows whose credentials it was made with.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

BUCKET: Final = "bucket"
KEY_ID: Final = "AKIATESTS"
_PAGE: Final = 1000
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as a hook of the server sees it.

    :param method: of HTTP.
    :param key: of the object, ``""`` for the bucket.
    :param query: of the URL.
    :param headers: names in small letters.
    """

    method: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query.items() if name in ("prefix", "uploads", "partNumber", "delete"))
        return f"{self.method} {self.key}{query and '?'}{query}"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object.

    :param data: its bytes.
    :param modified: when it was put.
    """

    data: bytes
    modified: datetime

    @property
    def etag(self) -> str:
        """Of the content, in quotes."""
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'


@dataclass
class S3:
    """The bucket, what was asked of it, and how it behaves.

    :param objects: key -> object.
    :param asked: every request, in order.
    :param may_delete: whether a removal is allowed; 403 otherwise.
    :param before: called with a request before it is carried out; an answer's status that it returns is sent in its place.
    :param loses: whether the answer to a request that was carried out gets lost: the connection is closed.
    """

    url: str = ""
    objects: dict[str, Stored] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    may_delete: bool = True
    before: Callable[[Asked], int | None] | None = None
    loses: Callable[[Asked], bool] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def forget(self) -> None:
        """An empty bucket that behaves well."""
        with self.lock:
            self.objects.clear()
            self.asked.clear()
            self.uploads.clear()
            self.may_delete, self.before, self.loses = True, None, None

    def put(self, key: str, data: bytes) -> Stored:
        """Put an object."""
        stored = Stored(data, datetime.now(UTC).replace(microsecond=0))
        with self.lock:
            self.objects[key] = stored
        return stored

    @contextmanager
    def counted(self) -> Iterator[list[Asked]]:
        """The requests that are made within the block."""
        found: list[Asked] = []
        start = len(self.asked)
        try:
            yield found
        finally:
            found += self.asked[start:]


class _Handler(BaseHTTPRequestHandler):
    s3: ClassVar[S3]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer as one

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def handle_expect_100(self) -> bool:
        """Say that the body may come; a client waits for it."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        asked = Asked(self.command, key, query, {name.lower(): value for name, value in self.headers.items()})
        body = self._body()
        s3 = self.s3
        with s3.lock:
            s3.asked.append(asked)
        instead = s3.before(asked) if s3.before is not None else None
        if instead is not None:
            return self._refuse(instead, {503: "SlowDown", 403: "AccessDenied"}.get(instead, "InternalError"))
        if f"Credential={KEY_ID}/" not in asked.headers.get("authorization", ""):
            return self._refuse(403, "InvalidAccessKeyId")
        if bucket != BUCKET:
            return self._refuse(404, "NoSuchBucket")
        answer = getattr(self, f"_{asked.method.lower()}_{'object' if key else 'bucket'}", None)
        if answer is None:
            return self._refuse(501, "NotImplemented")
        with s3.lock:
            send = answer(asked, body)
        if s3.loses is not None and s3.loses(asked):
            self.close_connection = True
            self.connection.close()
            return None
        send()
        return None

    # -- what was sent

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b"".join(self._chunks(self.rfile))
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            import io

            data = b"".join(self._chunks(io.BytesIO(data)))
        return data

    @staticmethod
    def _chunks(stream: Any) -> Iterator[bytes]:
        """Chunks of a body; what may stand behind a length (a signature) and behind the last chunk (checksums) is left out."""
        while size := int(stream.readline().split(b";")[0], 16):
            yield stream.read(size)
            stream.readline()
        while stream.readline().strip():
            continue

    # -- answers

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, *, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("x-amz-request-id", "1")
        if status != 204:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _later(self, status: int, body: str | bytes = b"", headers: dict[str, str] | None = None, **more: Any) -> Callable[[], None]:
        data = body.encode() if isinstance(body, str) else body
        return lambda: self._answer(status, data, headers, **more)

    def _refuse(self, status: int, code: str) -> None:
        body = b"" if self.command == "HEAD" else f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        self._answer(status, body, {"Content-Type": "application/xml"})

    def _refused(self, status: int, code: str) -> Callable[[], None]:
        return lambda: self._refuse(status, code)

    # -- the bucket

    def _head_bucket(self, asked: Asked, body: bytes) -> Callable[[], None]:
        return self._later(200, headers={"x-amz-bucket-region": "us-east-1"})

    def _put_bucket(self, asked: Asked, body: bytes) -> Callable[[], None]:
        return self._refused(409, "BucketAlreadyOwnedByYou")

    def _get_bucket(self, asked: Asked, body: bytes) -> Callable[[], None]:
        if "location" in asked.query:
            return self._later(200, f'<LocationConstraint xmlns="{_NAMESPACE}"/>')
        prefix, delimiter = asked.query.get("prefix", ""), asked.query.get("delimiter", "")
        after = unquote(asked.query.get("continuation-token", "")) or asked.query.get("start-after", "")
        most = int(asked.query.get("max-keys") or _PAGE)
        shown = quote if asked.query.get("encoding-type") == "url" else escape
        found, folders, last, is_more = list[str](), list[str](), "", False
        for key in sorted(key for key in self.s3.objects if key.startswith(prefix)):
            head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            name = f"{prefix}{head}{cut}" if cut else key
            if name <= after or (cut and name == last):
                continue
            if len(found) + len(folders) == most:
                is_more = True
                break
            last = name
            if cut:
                folders.append(f"<CommonPrefixes><Prefix>{shown(name)}</Prefix></CommonPrefixes>")
            else:
                one = self.s3.objects[key]
                found.append(
                    f"<Contents><Key>{shown(key)}</Key><LastModified>{one.modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
                    f"<ETag>{escape(one.etag)}</ETag><Size>{len(one.data)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
                )
        token = f"<NextContinuationToken>{quote(last, safe='')}</NextContinuationToken>" if is_more else ""
        encoding = "<EncodingType>url</EncodingType>" if asked.query.get("encoding-type") == "url" else ""
        return self._later(
            200,
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="{_NAMESPACE}"><Name>{BUCKET}</Name>'
            f"<Prefix>{shown(prefix)}</Prefix><KeyCount>{len(found) + len(folders)}</KeyCount><MaxKeys>{most}</MaxKeys>{encoding}"
            f"<IsTruncated>{str(is_more).lower()}</IsTruncated>{token}{''.join(found)}{''.join(folders)}</ListBucketResult>",
            {"Content-Type": "application/xml"},
        )

    def _post_bucket(self, asked: Asked, body: bytes) -> Callable[[], None]:
        """Remove many objects at once."""
        if "delete" not in asked.query:
            return self._refused(501, "NotImplemented")
        told = []
        for element in ElementTree.fromstring(body).iter():
            if element.tag.rpartition("}")[2] == "Key":
                key = element.text or ""
                if self.s3.may_delete:
                    self.s3.objects.pop(key, None)
                    told.append(f"<Deleted><Key>{escape(key)}</Key></Deleted>")
                else:
                    told.append(f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code><Message>no</Message></Error>")
        return self._later(200, f'<DeleteResult xmlns="{_NAMESPACE}">{"".join(told)}</DeleteResult>')

    # -- objects

    def _about(self, stored: Stored) -> dict[str, str]:
        return {
            "ETag": stored.etag,
            "Last-Modified": format_datetime(stored.modified, usegmt=True),
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }

    def _head_object(self, asked: Asked, body: bytes) -> Callable[[], None]:
        stored = self.s3.objects.get(asked.key)
        if stored is None:
            return self._refused(404, "NoSuchKey")
        return self._later(200, headers=self._about(stored), length=len(stored.data))

    def _get_object(self, asked: Asked, body: bytes) -> Callable[[], None]:
        stored = self.s3.objects.get(asked.key)
        if stored is None:
            return self._refused(404, "NoSuchKey")
        if asked.headers.get("if-match", stored.etag) not in (stored.etag, "*"):
            return self._refused(412, "PreconditionFailed")
        headers, wanted, size = self._about(stored), asked.headers.get("range", ""), len(stored.data)
        if not wanted:
            return self._later(200, stored.data, headers)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, size - int(last))
        end = min(size, int(last) + 1) if first and last else size
        if start >= size:
            return self._refused(416, "InvalidRange")
        return self._later(206, stored.data[start:end], {**headers, "Content-Range": f"bytes {start}-{end - 1}/{size}"})

    def _put_object(self, asked: Asked, body: bytes) -> Callable[[], None]:
        stored, upload = self.s3.objects.get(asked.key), asked.query.get("uploadId")
        if upload is not None:
            if upload not in self.s3.uploads:
                return self._refused(404, "NoSuchUpload")
            self.s3.uploads[upload][int(asked.query["partNumber"])] = body
            return self._later(200, headers={"ETag": Stored(body, datetime.now(UTC)).etag})
        if source := asked.headers.get("x-amz-copy-source"):
            _, _, key = unquote(source).lstrip("/").partition("/")
            if key not in self.s3.objects:
                return self._refused(404, "NoSuchKey")
            made = self.s3.put(asked.key, self.s3.objects[key].data)
            return self._later(200, f"<CopyObjectResult><ETag>{escape(made.etag)}</ETag></CopyObjectResult>")
        if asked.headers.get("if-none-match") == "*" and stored is not None:
            return self._refused(412, "PreconditionFailed")
        if "if-match" in asked.headers and (stored is None or stored.etag != asked.headers["if-match"]):
            return self._refused(412, "PreconditionFailed")
        return self._later(200, headers={"ETag": self.s3.put(asked.key, body).etag})

    def _delete_object(self, asked: Asked, body: bytes) -> Callable[[], None]:
        if (upload := asked.query.get("uploadId")) is not None:
            self.s3.uploads.pop(upload, None)
            return self._later(204)
        if not self.s3.may_delete:
            return self._refused(403, "AccessDenied")
        self.s3.objects.pop(asked.key, None)
        return self._later(204)

    def _post_object(self, asked: Asked, body: bytes) -> Callable[[], None]:
        """Begin and end an upload in parts."""
        if "uploads" in asked.query:
            upload = uuid.uuid4().hex
            self.s3.uploads[upload] = {}
            about = f"<Bucket>{BUCKET}</Bucket><Key>{escape(asked.key)}</Key><UploadId>{upload}</UploadId>"
            return self._later(200, f'<InitiateMultipartUploadResult xmlns="{_NAMESPACE}">{about}</InitiateMultipartUploadResult>')
        parts = self.s3.uploads.pop(asked.query.get("uploadId", ""), None)
        if parts is None:
            return self._refused(404, "NoSuchUpload")
        made = self.s3.put(asked.key, b"".join(parts[number] for number in sorted(parts)))
        about = f"<Bucket>{BUCKET}</Bucket><Key>{escape(asked.key)}</Key><ETag>{escape(made.etag)}</ETag>"
        return self._later(200, f'<CompleteMultipartUploadResult xmlns="{_NAMESPACE}">{about}</CompleteMultipartUploadResult>')


@contextmanager
def running_s3() -> Iterator[S3]:
    """A server of its own, gone afterwards."""
    s3 = S3()
    handler = type("Handler", (_Handler,), {"s3": s3})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True  # a client keeps its connections
    s3.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield s3
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
