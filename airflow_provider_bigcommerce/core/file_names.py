"""Which names of files are taken from a manifest, a checkpoint, a state or an XCom, and which are refused.

Whoever can write one of these could otherwise have any file read, or removed, that the worker may remove. One rule for all of them: a
name is a plain path below the folder that it belongs to.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.exceptions import DestinationError

_SHOWN = 120


def is_plain(name: str) -> bool:
    """Whether a name is a path that stays where it is put: not absolute, no URL, no empty, ``.`` or ``..`` part."""
    return (
        name.isprintable()
        and not any(mark in name for mark in ("\\", "://", "::"))
        and all(part not in ("", ".", "..") for part in name.split("/"))
    )


def is_within(name: str, folder: str) -> bool:
    """Whether a name is plain and lies below a folder.

    :param folder: without ``/`` at its end, itself plain.
    """
    return is_plain(name) and is_plain(folder) and name.startswith(f"{folder}/")


def is_leaf(name: str) -> bool:
    """Whether a name is one part of a path: a file's own name, or a run's key."""
    return is_plain(name) and "/" not in name


def require_within(name: str, folder: str, told_by: str) -> str:
    """The name, if it lies below the folder.

    :param told_by: what names it, for the message.
    :raises DestinationError: it does not.
    """
    if not is_within(name, folder):
        raise DestinationError(
            f"{told_by} names the file {shown(name)}, which is not below {folder!r}: it was edited, or is of another directory. Nothing "
            "was read or removed for it. Put it back as it was written, or remove it and read its run again."
        )
    return name


def shown(name: str) -> str:
    """A name as it may be shown in a message: one line, and not endless."""
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")
