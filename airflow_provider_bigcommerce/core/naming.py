"""What a resource is called where its copy is kept: its directory, its watermark, its task, its asset.

A catalog name stands for itself. A path gets a name that no other path and no catalog name has, in any file system: paths that
differ in one character only, or in upper and lower case, must not share a directory.
"""

from __future__ import annotations

import hashlib
import re

_NO_NAME = re.compile(r"[^a-z0-9]+")
#: Characters of the path that the name repeats for a reader; the hash alone tells names apart.
_READABLE = 40


def kept_name(resource: str) -> str:
    """The name under which a resource is kept.

    :param resource: catalog name, or an API path that the catalog does not know: ``/v3/foo/bar`` becomes
        ``v3_foo_bar-`` and 12 hex digits of the path. Catalog names have no ``-``.
    """
    if not resource.startswith("/"):
        return resource
    path = resource.rstrip("/")
    readable = _NO_NAME.sub("_", path.lower()).strip("_")[:_READABLE].rstrip("_")
    return f"{readable}-{hashlib.sha256(path.encode(errors='surrogatepass')).hexdigest()[:12]}"
