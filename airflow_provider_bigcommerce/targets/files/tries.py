"""The tries of one run: which of them counts where several commit, and how each finds out.

No store of objects has a rename, and few a put that fails where something stands: a try that hung between its last look and its put can
always overwrite the manifest of the one that followed it. So nothing rests on who puts last. Every try has a number, greater than those of
the tries that it follows; one that follows another leaves, before it puts the run's manifest, a copy of it under a name of its own. **The
greatest number counts.** Each try looks again after its put, and each later run of the task does too: where something else stands than what
counts, that is put back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_bigcommerce.targets.files.destination import Entry
from airflow_provider_bigcommerce.targets.files.look import Look

#: A copy is kept so long: no try hangs longer between its last look and its put.
KEPT = timedelta(days=7)

_FOLDER, _END = "_tries", ".json"


@dataclass(frozen=True, slots=True, order=True)
class Try:
    """One try of a run; the greater one counts.

    :param number: 1 for a run's first try, which nothing can have gone before; greater for every other.
    :param mark: of its files' names; decides between two that took the same number.
    """

    number: int = 1
    mark: str = ""

    @property
    def is_first(self) -> bool:
        """Whether it follows no other."""
        return self.number == 1 and not self.mark


@dataclass(frozen=True, slots=True)
class Copy:
    """A try's copy of its manifest.

    :param run: run key.
    :param of: the try.
    :param entry: the file.
    """

    run: str
    of: Try
    entry: Entry


def copy_name(resource: str, run: str, of: Try) -> str:
    """A try's copy of its manifest, below ``path``."""
    return f"{resource}/{_FOLDER}/{run}/{of.number:06d}{of.mark}{_END}"


def copies(look: Look, run: str) -> list[Copy]:
    """The copies that the tries of a run left, the one that counts first."""
    return _sorted(look.below(f"{_FOLDER}/{run}"))


def copies_of_task(look: Look, task: str) -> dict[str, list[Copy]]:
    """Those of all runs of a task: run key -> copies, the one that counts first.

    :param task: from ``task_key``.
    """
    found: dict[str, list[Copy]] = {}
    for copy in _sorted(entry for entry in look.below(_FOLDER) if f"/{_FOLDER}/{task}--" in entry.name):
        found.setdefault(copy.run, []).append(copy)
    return found


def runs_with_copies(look: Look) -> frozenset[str]:
    """The runs, of any task, whose manifest another try may have replaced."""
    return frozenset(copy.run for copy in _sorted(look.below(_FOLDER)))


def _sorted(entries: Iterable[Entry]) -> list[Copy]:
    found = []
    for entry in entries:
        run, leaf = entry.name.split("/")[-2:]
        number, _, mark = leaf.removesuffix(_END).partition("-")
        if leaf.endswith(_END) and number.isdecimal():
            found.append(Copy(run, Try(int(number), f"-{mark}" if mark else ""), entry))
    return sorted(found, key=lambda copy: copy.of, reverse=True)


def is_outlived(copy: Copy, now: datetime | None) -> bool:
    """Whether a copy may go.

    :param now: the destination's own time, or None where it does not tell.
    """
    return now is not None and copy.entry.modified is not None and now - copy.entry.modified >= KEPT
