"""The journal: what is durable before a request leaves, what a crash may tear, and what is refused as damaged; on a disk and as objects."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import DestinationError, PlanChangedError
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.writing.formats import OutcomeRow
from airflow_provider_bigcommerce.writing.journal import Begun, Closed, Intent, Journal, Past, Settled, Window, Withdrawn

FOLDER = "products/run=one/apply-1"


@pytest.fixture(params=["disk", "objects"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    if request.param == "disk":
        return Destination.at(tmp_path)
    from fsspec.implementations.memory import MemoryFileSystem

    root = f"/journal-{tmp_path.name}"
    return Destination(MemoryFileSystem(), root, f"memory://{root}")


def written(place: Destination, number: int, *records: Any, is_killed: bool = False) -> None:
    """One try's part of the journal; a killed one leaves what was flushed."""

    async def main() -> None:
        journal = Journal(place, FOLDER, Begun(number=number, at="2026-03-01T12:00:00Z", digest="d", window=2))
        for record in records:
            if isinstance(record, Intent):
                await journal.durable(record)
            else:
                journal.note(record)
        if not is_killed:
            await journal.flush()
        await journal.aclose()

    asyncio.run(main())


def intent(*rows: int) -> Intent:
    return Intent(call="PUT /v3/catalog/products", rows=[*rows], digest="0")


def settled(row: int, outcome: Any = "updated") -> Settled:
    return Settled(OutcomeRow(row=row, key=[row], id=row, outcome=outcome))


def test_a_killed_try_leaves_open_what_it_may_have_sent(place: Destination) -> None:
    written(
        place, 1, Window(0), intent(0), intent(1), settled(0), settled(1), Closed(0),
        Window(1), intent(2), settled(2), intent(3), settled(3), is_killed=True,
    )  # fmt: skip

    past = Past(place, FOLDER)

    assert (past.tries, past.first.window if past.first else None) == (1, 2)
    assert past.window(0).is_closed
    window = past.window(1)
    assert (window.is_closed, window.sent, set(window.outcomes)) == (False, {2, 3}, {2}), "the outcome of 3 was not flushed"
    assert past.window(2).sent == set()


def test_a_later_try_goes_on_with_the_window_that_was_open(place: Destination) -> None:
    written(place, 1, Window(0), intent(0, 1), is_killed=True)
    written(place, 2, Window(0), settled(0), Withdrawn(1), Closed(0))

    window = (past := Past(place, FOLDER)).window(0)

    assert past.tries == 2
    assert (window.sent, window.outcomes[0].outcome, window.is_closed) == ({0}, "updated", True)


def test_the_last_outcome_of_a_row_counts(place: Destination) -> None:
    written(place, 1, Window(0), intent(0), settled(0), settled(0, "unknown"))

    assert Past(place, FOLDER).window(0).outcomes[0].outcome == "unknown"


def test_requests_that_leave_together_share_a_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes: list[int] = []
    write = Journal._write

    def counting(self: Journal, data: bytes) -> None:
        flushes.append(data.count(b'"intent"'))
        write(self, data)

    monkeypatch.setattr(Journal, "_write", counting)

    async def main() -> None:
        journal = Journal(Destination.at(tmp_path), FOLDER, Begun(number=1, at="", digest="", window=9))
        await asyncio.gather(*(journal.durable(intent(row)) for row in range(20)))
        await journal.aclose()

    asyncio.run(main())
    assert sum(flushes) == 20
    assert len(flushes) <= 3


def test_a_torn_last_line_was_not_sent(tmp_path: Path) -> None:
    place = Destination.at(tmp_path)
    written(place, 1, Window(0), intent(0), intent(1))
    (file,) = (tmp_path / FOLDER / "journal").iterdir()
    file.write_bytes(file.read_bytes()[:-5])

    assert Past(place, FOLDER).window(0).sent == {0}


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b'"intent"', b'"entint"', 1),
        lambda data: b"\x00" * 40 + b"\n" + data,
        lambda data: data[:20] + b"\n" + data,
    ],
    ids=["another record", "zeroes", "half a line"],
)
def test_a_damaged_journal_is_refused(tmp_path: Path, damage: Any) -> None:
    place = Destination.at(tmp_path)
    written(place, 1, Window(0), intent(0))
    (file,) = (tmp_path / FOLDER / "journal").iterdir()
    file.write_bytes(damage(file.read_bytes()))

    with pytest.raises(PlanChangedError, match="not known what was sent"):
        Past(place, FOLDER)


def test_an_intent_that_cannot_be_written_is_an_error_for_who_would_send(tmp_path: Path) -> None:
    (tmp_path / "products").write_text("a file where the folder should be")

    async def main() -> list[Any]:
        journal = Journal(Destination.at(tmp_path), FOLDER, Begun(number=1, at="", digest="", window=9))
        both: list[Coroutine[Any, Any, None]] = [journal.durable(intent(row)) for row in range(2)]
        found = await asyncio.gather(*both, return_exceptions=True)
        await journal.aclose()
        return found

    assert [type(error) for error in asyncio.run(main())] == [DestinationError] * 2
