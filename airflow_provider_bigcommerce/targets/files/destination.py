"""Where files go: a directory on the local disk or in an object store, and how a file appears there whole or not at all.

Knows no resource and no format. On the local disk a file gets its name by a rename after it is on the disk; an object store
makes an object visible when its upload ends. It never logs or stores a path's credentials.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_bigcommerce.core.file_names import is_plain, shown
from airflow_provider_bigcommerce.core.pages import page
from airflow_provider_bigcommerce.core.places import fault_of
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.targets.files.new_file import NewFile, failed
from airflow_provider_bigcommerce.targets.files.object_stores import require_packages

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

_TEMPORARY = ".tmp"



@dataclass(frozen=True, slots=True)
class Entry:
    """A file that was found.

    :param name: path below the destination's root, with ``/``.
    :param bytes: its size.
    :param modified: when it was last written, UTC, or None where the store does not tell.
    """

    name: str
    bytes: int
    modified: datetime | None




class Destination:
    """A directory that files are written below.

    :param fs: an fsspec file system.
    :param root: the directory's path in it.
    :param url: how a person names it, for messages and the state's key.
    """

    def __init__(self, fs: Any, root: str, url: str) -> None:
        self.fs = fs
        self.root = root.rstrip("/")
        self.url = url.rstrip("/")
        protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
        self.is_local = "file" in protocols

    @classmethod
    def at(cls, path: str | ObjectStoragePath | Path | Destination) -> Destination:
        """Open a destination by its path: ``/data/copy``, ``file:///data/copy``, ``s3://aws_default@bucket/copy``.

        :raises MissingPackageError: the packages of that object store are not installed.
        :raises DestinationError: a relative path, an unknown scheme, or a storage connection that is missing.
        """
        if isinstance(path, Destination):
            return path
        from airflow.sdk import ObjectStoragePath

        text = str(path)
        if (fault := fault_of(text)) is not None:
            raise DestinationError(fault)
        try:
            opened = ObjectStoragePath(text)
            fs = opened.fs
        except (ValueError, ImportError) as error:
            require_packages(urlsplit(text).scheme, _shown(text))
            raise DestinationError(
                f"path={_shown(text)!r} cannot be opened: {error}. Give a local directory, or the URL of an object store whose Airflow "
                f"provider is installed: s3://, gs:// or abfs://. See {page('how-to/object-stores.md')}."
            ) from error
        is_local = opened.protocol in ("", "file", "local")
        return cls(fs, str(opened.path), f"file://{opened.path}" if is_local else str(opened))

    def __repr__(self) -> str:
        return f"Destination({_shown(self.url)!r})"

    def full(self, name: str) -> str:
        """The file system's own path of a file below the root.

        :raises DestinationError: the name leads out of the root. Every file is opened, listed and removed by way of this.
        """
        if not is_plain(name):
            raise DestinationError(
                f"The name {shown(name)} leads out of {_shown(self.url)} or is none: nothing was read, written or removed for it. Look at "
                "what names it: a manifest, a checkpoint or a state that was edited."
            )
        return f"{self.root}/{name}"

    @contextlib.contextmanager
    def create(self, name: str, last_look: Callable[[], None] = lambda: None) -> Iterator[NewFile]:
        """Write a file that appears under its name when the block ends well, and not at all when it raises.

        The name must be new, or one that no manifest names. On the local disk the data are on the disk before the name is.

        :param last_look: called when all that is left to do on the local disk is to give the file its name; may raise.
        :raises DestinationError: it cannot be written.
        """
        final = self.full(name)
        folder, _, leaf = final.rpartition("/")
        # An object store shows nothing before the upload ends, and has no cheap rename.
        written_to = f"{folder}/.{leaf}.{uuid.uuid4().hex[:8]}{_TEMPORARY}" if self.is_local else final
        try:
            stream = self._opened(written_to, folder)
        except OSError as error:
            raise failed("created", f"{_shown(self.url)}/{name}", error) from error
        new = NewFile(stream, f"{_shown(self.url)}/{name}", is_local=self.is_local)
        done = False
        try:
            yield new
            try:
                if self.is_local:
                    stream.flush()
                    os.fsync(stream.fileno())
                stream.close()
                last_look()
                if self.is_local:
                    Path(written_to).replace(final)
                    _sync_folder(folder)
            except OSError as error:
                raise failed("written", new.name, error) from error
            done = True
        finally:
            new.end_digest()
            if not done:
                self._abandon(stream, written_to)

    def _opened(self, path: str, folder: str) -> Any:
        """A new file, opened to be written; the folder is made where there are folders, which costs an object store a request."""
        if not self.is_local:
            with contextlib.suppress(FileNotFoundError):
                return self.fs.open(path, "wb")
        self.fs.makedirs(folder, exist_ok=True)
        return self.fs.open(path, "wb")

    def _abandon(self, stream: Any, written_to: str) -> None:
        """Leave no trace of a file whose writing failed; what cannot be removed is never named by a manifest."""
        if not self.is_local:
            with contextlib.suppress(OSError, NotImplementedError, AttributeError):
                stream.discard()  # drops a multipart upload instead of completing it
        # After discard() fsspec's buffered files have no buffer, which their close() does not expect.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.close()
        with contextlib.suppress(OSError):
            self.fs.rm_file(written_to)

    def write(self, name: str, data: bytes, last_look: Callable[[], None] = lambda: None) -> None:
        """Write a small file whole: a reader sees what was there before, or all of ``data``.

        :param last_look: called when all that is left to do is to give the file its name, or to put it; may raise.
        :raises DestinationError: it cannot be written; what was there before still stands.
        """
        if self.is_local:
            with self.create(name, last_look) as new:
                new.write(data)
            return
        last_look()
        self._put(name, data)

    def _put(self, name: str, data: bytes, verb: str = "written") -> None:
        full = self.full(name)
        try:
            try:
                self.fs.pipe_file(full, data)  # one put
            except FileNotFoundError:  # no bucket, or a place with folders
                self.fs.makedirs(full.rpartition("/")[0], exist_ok=True)
                self.fs.pipe_file(full, data)
        except OSError as error:
            raise failed(verb, f"{_shown(self.url)}/{name}", error) from error

    def write_new(self, name: str, data: bytes) -> bool:
        """Write a small file whole under a name that nothing has yet, as far as the place can tell.

        On the local disk the name is taken by one alone. A store of objects replaces what is there, and so does a disk without hard
        links: the caller looks again.

        :returns: False where something has the name, which stays as it is.
        :raises DestinationError: it cannot be written.
        """
        if not self.is_local:
            self._put(name, data)
            return True
        final = self.full(name)
        folder, _, leaf = final.rpartition("/")
        temporary = f"{folder}/.{leaf}.{uuid.uuid4().hex[:8]}{_TEMPORARY}"
        try:
            self.fs.makedirs(folder, exist_ok=True)
            with self.fs.open(temporary, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            try:
                Path(final).hardlink_to(temporary)
            except FileExistsError:
                return False
            except OSError:
                Path(temporary).replace(final)
            _sync_folder(folder)
        except OSError as error:
            raise failed("written", f"{_shown(self.url)}/{name}", error) from error
        finally:
            with contextlib.suppress(OSError):
                self.fs.rm_file(temporary)
        return True

    def forestall(self, name: str) -> None:
        """On the local disk, have every write of that file fail that is under way in any process: its rename finds nothing to rename."""
        if self.is_local:
            folder, _, leaf = name.rpartition("/")
            for entry in self.entries(folder):
                if is_temporary(entry.name) and entry.name.rpartition("/")[2].startswith(f".{leaf}."):
                    self.remove(entry.name)

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file, or None where there is none.

        :raises DestinationError: it is there and cannot be read.
        """
        try:
            return self.whole(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise failed("read", f"{_shown(self.url)}/{name}", error) from error

    def whole(self, name: str) -> bytes:
        """All bytes of a file by one request: asked from its start on, since s3fs asks for the size first otherwise.

        :raises OSError: as the file system says it.
        """
        full = self.full(name)
        try:
            data: bytes = self.fs.cat_file(full, start=0)
        except FileNotFoundError:
            raise
        except OSError:  # nothing stands behind the start of an empty object
            data = self.fs.cat_file(full)
        return data

    def entries(self, folder: str) -> list[Entry]:
        """All files below a folder, at any depth, by name; none where there is no such folder.

        :raises DestinationError: the folder is there and cannot be listed.
        """
        top = self.full(folder)
        self.fs.invalidate_cache()  # object stores' clients remember listings; another task may have written since
        try:
            found = self.fs.find(top, detail=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise failed("listed", f"{_shown(self.url)}/{folder}", error) from error
        start = len(self.fs._strip_protocol(self.root).rstrip("/")) + 1  # fsspec's own spelling of paths
        # S3 has directories too: objects that a console made, and the folder itself where its first file appears while it is listed.
        files = [(path, found[path]) for path in sorted(found) if found[path].get("type") != "directory" and not path.endswith("/")]
        return [Entry(path[start:], int(info.get("size") or 0), _when(info)) for path, info in files]

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no error.

        :raises DestinationError: it cannot be removed.
        """
        try:
            self.fs.rm_file(self.full(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise failed("removed", f"{_shown(self.url)}/{name}", error) from error

    def remove_all(self, names: Iterable[str]) -> int:
        """Remove files; how many that were."""
        count = 0
        for count, name in enumerate(names, 1):  # noqa: B007  # the last one is the result
            self.remove(name)
        return count

    def remove_empty(self, folder: str) -> None:
        """Remove a folder if nothing is in it; object stores have no folders, so there it does nothing."""
        if self.is_local:
            with contextlib.suppress(OSError):
                Path(self.full(folder)).rmdir()

    def require_writable(self, folder: str) -> datetime | None:
        """Write and remove a small file, so that a long read does not end at a closed door.

        :returns: when the destination says that the file was written, which is its own time; None where it does not tell. How old files
            are is told by this clock alone: the worker's may be another.
        :raises DestinationError: that is not possible there.
        """
        return self.probe(folder, listed=folder)[1]

    def probe(self, folder: str, *, listed: str) -> tuple[list[Entry], datetime | None]:
        """Write and remove a small file, and list in between.

        :param folder: where the file is written.
        :param listed: the folder to list; ``folder`` is that one, or below it.
        :returns: what is there besides that file, and the destination's own time; see :meth:`require_writable`.
        :raises DestinationError: that is not possible there.
        """
        probe = f"{folder}/.writable-{uuid.uuid4().hex[:8]}"
        self._put(probe, b"", "created")  # not write(): whether it is on the disk, which takes its time, matters for what stays
        found = {entry.name: entry for entry in self.entries(listed)}
        self.remove(probe)
        own = found.pop(probe, None)
        return list(found.values()), own.modified if own is not None else None


def is_temporary(name: str) -> bool:
    """Whether a file is one that :meth:`Destination.create` had not finished."""
    leaf = name.rpartition("/")[2]
    return leaf.startswith(".") and leaf.endswith(_TEMPORARY)


def _sync_folder(folder: str) -> None:
    """Put a rename on the disk too; some network file systems cannot, and then the rename is as durable as they make it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _when(info: dict[str, Any]) -> datetime | None:
    # The local disk says mtime, S3 LastModified, Google updated, Azure last_modified, memory created.
    for key in ("mtime", "LastModified", "updated", "last_modified", "created"):
        value = info.get(key)
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                return datetime.fromisoformat(value).astimezone(UTC)
    return None


def _shown(url: str) -> str:
    """A URL as it may be shown: user information that holds a password is left out."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


