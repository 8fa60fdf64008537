"""Who may write: one run for a plan, and one writer at a time for a resource of a store.

::

    <plan's folder>/_applied.json                              whose the plan is: made once, never replaced
    <outcomes' folder>/_taken_back.json                        by whom stock is taken back: once, for a difference has no conflict
    <report_path>/_writing/<store>/<resource>/00000007.json    who writes now: the highest number counts

A plan belongs to the first run that begins to apply it. A resource is held by a lease: a numbered file that its holder touches every
20 seconds. Whoever finds the highest number released, or untouched for two minutes by the clock of the place itself, takes the next number;
a name can be taken once, so of two that try one has it. A holder that finds a higher number than its own stops before its next request;
one that could not touch its file for a minute asks before it sends. Two processes see each other only by way of one ``report_path``.

On the local disk a name is taken by one alone. So it is in stores of objects that know conditional writes (S3, Google, by fsspec's
``mode="create"``); elsewhere the one whose content is there afterwards has it, which leaves a gap of one request.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from airflow_provider_bigcommerce.core.file_names import is_leaf
from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.exceptions import ConcurrentRunError, DestinationError, PlanChangedError, PlanUsedError, ResourceBusyError
from airflow_provider_bigcommerce.targets.files.destination import Destination

_APPLIED, _TAKEN_BACK = "_applied.json", "_taken_back.json"

#: Seconds between two touches of a lease, and after how many without one it is nobody's.
BEAT = 20.0
STALE = 120.0


def take_name(destination: Destination, name: str, data: bytes) -> bool:
    """Write a small file under a name that nothing may have yet; whether it is ours.

    :raises DestinationError: it cannot be written.
    """
    if destination.is_local:
        return destination.write_new(name, data)
    if destination.read(name) is not None:
        return False
    try:
        destination.fs.pipe_file(destination.full(name), data, mode="create")
    except FileExistsError:
        return False
    except (TypeError, NotImplementedError, ValueError, OSError):  # no conditional write, or no folder for it yet
        destination.write_new(name, data)
    return destination.read(name) == data


class PlanUse(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a plan is.

    :param run: key of the run that applies it.
    :param folder: name of its attempt's folder, below ``report_path``.
    :param report_path: URL.
    :param attempt: number of the folder.
    """

    run: str
    folder: str
    report_path: str
    attempt: int


def use_of(plan_folder: Destination, name: str = _APPLIED) -> PlanUse | None:
    """Who has begun to apply the plan; None for nobody.

    :raises PlanChangedError: the file cannot be read.
    """
    data = plan_folder.read(name)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=PlanUse)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PlanChangedError(
            f"{plan_folder.url}/{name} cannot be read, so nobody knows whether the plan was applied. Nothing was sent. Make a new plan."
        ) from error


def claim_plan(plan_folder: Destination, use: PlanUse) -> PlanUse:
    """Make a plan a run's own; who has it now.

    :raises PlanUsedError: another run has it.
    """
    if take_name(plan_folder, _APPLIED, msgspec.json.encode(use)):
        return use
    found = use_of(plan_folder)
    if found is None:
        raise DestinationError(f"{plan_folder.url}/{_APPLIED} could not be written. Check that the worker may write there.")
    require_own(plan_folder, found, use.run)
    return found


def require_own(plan_folder: Destination, use: PlanUse, run: str) -> None:
    """Refuse a plan that another run has used.

    :raises PlanUsedError: it has.
    """
    if use.run != run:
        raise PlanUsedError(
            f"The plan {plan_folder.url} was applied, or begun, by another run ({use.run}): a plan is applied once. "
            f"What came of it is in {use.report_path}/{use.folder}. Make a new plan: it has only what is still to be done."
        )


def claim_taking_back(outcomes: Destination, use: PlanUse) -> None:
    """Make the taking back of what was written a run's own.

    :param outcomes: folder of the outcomes that are taken back.
    :raises PlanUsedError: another run has taken it back, or begun to.
    """
    if not take_name(outcomes, _TAKEN_BACK, msgspec.json.encode(use)):
        require_not_taken_back(outcomes, use.run)


def require_not_taken_back(outcomes: Destination, run: str) -> None:
    """Refuse to take stock back a second time: the difference would be applied twice.

    :raises PlanUsedError: another run has taken it back, or begun to.
    """
    use = use_of(outcomes, _TAKEN_BACK)
    if use is not None and use.run != run:
        raise PlanUsedError(
            f"The stock of {outcomes.url} was taken back, or begun to be, by another run ({use.run}): a difference is taken back once. "
            f"What came of it is in {use.report_path}/{use.folder}. Rows that are left are in its 'rejected.jsonl.gz', as input of "
            "BigCommerceStockOperator with mode='relative'."
        )


class _Held(msgspec.Struct, frozen=True, kw_only=True):
    """A lease's file.

    :param run: of the holder.
    :param mark: of its process.
    :param beat: how often it was touched.
    :param released: whether its holder has ended.
    """

    run: str
    mark: str
    beat: int = 0
    released: bool = False


class Lease:
    """One writer at a time for a resource of a store.

    :param destination: the report path.
    :param run: key of the run that wants it.
    :param clock: monotonic seconds.
    """

    def __init__(
        self, destination: Destination, store_hash: str, resource: str, run: str, *, clock: Callable[[], float] = time.monotonic,
        stale: float = STALE,
    ) -> None:  # fmt: skip
        if not is_leaf(store_hash):
            raise DestinationError("The store's hash is no part of a path.")
        self._destination = destination
        self._folder = f"_writing/{store_hash}/{kept_name(resource)}"
        self._resource = resource
        self._run = run
        self._mark = uuid.uuid4().hex
        self._clock = clock
        self._stale = stale
        self._number = 0
        self._beats = 0
        self._beaten = 0.0

    def take(self) -> None:
        """Become the writer.

        :raises ResourceBusyError: another process is; it carries after how many seconds to ask again.
        :raises DestinationError: the place cannot be written or listed.
        """
        entries, now = self._destination.probe(self._folder, listed=self._folder)
        numbers = {number: entry for entry in entries if (number := _number(entry.name)) is not None}
        last = max(numbers, default=0)
        if last:
            held = self._read(last)
            age = _age(numbers[last].modified, now)
            if held is not None and not held.released and (age is None or age.total_seconds() < self._stale):
                raise self._busy(held, self._stale - (age.total_seconds() if age is not None else 0.0))
        self._number = last + 1
        if not take_name(self._destination, self._name(self._number), self._content()):
            raise self._busy(self._read(self._number), BEAT)
        self._beaten = self._clock()
        for number in numbers:
            self._destination.remove(self._name(number))

    @property
    def is_fresh(self) -> bool:
        """Whether it was touched lately, so that nobody else can have taken it."""
        return self._clock() - self._beaten < self._stale / 2

    def beat(self) -> None:
        """Touch the lease.

        :raises ConcurrentRunError: another process has taken it.
        :raises DestinationError: the place cannot be written or listed.
        """
        self._require_highest()
        self._beats += 1
        self._destination.write(self._name(self._number), self._content())
        self._require_highest()
        self._beaten = self._clock()

    def _require_highest(self) -> None:
        highest = max((_number(entry.name) or 0 for entry in self._destination.entries(self._folder)), default=0)
        if highest > self._number:
            raise ConcurrentRunError(
                f"Another task writes {self._resource!r} of this store now: this one was not heard of for {self._stale:.0f} seconds. "
                "Nothing more is sent. A retry continues where it was."
            )

    def release(self) -> None:
        """Let the next one have it."""
        if self._number:
            self._destination.write(self._name(self._number), self._content(released=True))
            self._number = 0

    def _name(self, number: int) -> str:
        return f"{self._folder}/{number:08}.json"

    def _content(self, *, released: bool = False) -> bytes:
        return msgspec.json.encode(_Held(run=self._run, mark=self._mark, beat=self._beats, released=released))

    def _read(self, number: int) -> _Held | None:
        data = self._destination.read(self._name(number))
        try:
            return None if data is None else msgspec.json.decode(data, type=_Held)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _Held(run="unknown", mark="")  # it goes stale as any other

    def _busy(self, held: _Held | None, seconds: float) -> ResourceBusyError:
        who = "an earlier try of this run" if held is not None and held.run == self._run else f"the run {held.run}" if held else "another"
        return ResourceBusyError(
            f"{self._resource!r} of this store is being written by {who}: two writers at once are never mixed. Nothing was sent. "
            f"Wait until it has ended; if its process is gone, its hold ends in {max(seconds, 0):.0f} seconds.",
            seconds=max(seconds, 1.0),
        )


def _number(name: str) -> int | None:
    leaf = name.rpartition("/")[2].removesuffix(".json")
    return int(leaf) if leaf.isdecimal() and len(leaf) == 8 else None


def _age(modified: datetime | None, now: datetime | None) -> timedelta | None:
    """How long ago a file was written, by the place's own clock; None where it does not tell."""
    return None if modified is None or now is None else now - modified
