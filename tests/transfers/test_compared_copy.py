"""Incremental copies of lists without a change date: read whole, compared by row, and only what changed goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.exceptions import ConcurrentRunError, InvalidQueryError
from airflow_provider_bigcommerce.targets.files.file_run import FileRun
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.transfers.conftest import Night

HOUR = timedelta(hours=1)

EDITS = {"brands": "page_title", "product_variants": "sku", "coupons": "name"}


@pytest.mark.parametrize("resource", EDITS)
def test_the_second_run_writes_only_what_is_new_or_changed(night: Night, resource: str) -> None:
    store = night.sandbox.store
    first = night.run("r1", resource)
    unchanged = night.run("r2", resource, after=HOUR)
    [edited, *_] = store.rows(resource)
    store.edit(resource, edited["id"], **{EDITS[resource]: "edited"})
    if resource != "product_variants":
        store.add(resource)

    third = night.run("r3", resource, after=HOUR)

    count = store.count(resource)
    new = 0 if resource == "product_variants" else 1
    assert (first["rows"], unchanged["rows"], third["rows"]) == (count - new, 0, 1 + new)
    assert (unchanged["duplicates_dropped"], third["duplicates_dropped"]) == (count - new, count - new - 1)
    assert {key: row[EDITS[resource]] for key, row in night.copy(resource).items()} == {
        row["id"]: row[EDITS[resource]] for row in store.rows(resource)
    }


def test_the_manifest_says_incremental_with_an_open_window_and_when_the_list_was_read(night: Night) -> None:
    manifest = night.run("r1", "brands", after=HOUR)

    assert (manifest["mode"], manifest["window"], manifest["watermark"]) == (
        "incremental",
        {"since": None, "until": None},
        "2026-03-29T13:00:00Z",
    )


@pytest.mark.parametrize("name", [name for name, row in CATALOG.items() if row.modified is None][::12])
def test_incremental_is_accepted_for_every_resource(tmp_path: Any, name: str) -> None:
    query = dict.fromkeys(CATALOG[name].required_params, "x")
    BigCommerceToObjectStorageOperator(task_id="t", resource=name, path=str(tmp_path), mode="incremental", query=query)


def test_a_singleton_is_written_again_only_when_it_changed(night: Night) -> None:
    runs = [night.run(f"r{number}", "store_information", after=HOUR) for number in range(2)]

    assert [run["rows"] for run in runs] == [1, 0]


def test_a_lost_file_of_hashes_means_that_everything_is_written_again(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    first = night.run("r1", "brands")
    [file] = (night.path / "brands" / "_row_hashes").iterdir()
    file.unlink()

    assert night.run("r2", "brands", after=HOUR)["rows"] == first["rows"]
    assert "is not there: every row is written again" in caplog.text


def test_files_of_hashes_do_not_pile_up(night: Night) -> None:
    for number in range(4):
        night.run(f"r{number}", "brands", after=HOUR)

    assert len(list((night.path / "brands" / "_row_hashes").iterdir())) == 1


def test_a_try_that_died_between_the_commit_and_the_state_is_finished_without_reading_again(night: Night) -> None:
    first = night.run("r1", "brands")
    night.airflow.watermarks.fails = 1
    night.sandbox.store.add("brands", name="new")
    with pytest.raises(ConnectionError):
        night.run("r2", "brands", after=HOUR)
    night.sandbox.store.requests.clear()

    assert night.run("r2", "brands")["rows"] == 1
    assert night.requests("/v3/catalog/brands") == []
    assert night.run("r3", "brands", after=HOUR)["rows"] == 0
    assert len(night.copy("brands")) == first["rows"] + 1


def test_a_failed_try_leaves_the_hashes_of_the_last_run_and_its_retry_writes_what_changed(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.run("r1", "brands")
    brand = night.sandbox.store.add("brands", name="new")

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_bigcommerce.targets.files.into_files.commit", full)
        with pytest.raises(OSError, match="no space"):
            night.run("r2", "brands", after=HOUR)

    assert night.run("r2", "brands")["rows"] == 1
    assert brand["id"] in night.copy("brands")
    assert night.run("r3", "brands", after=HOUR)["rows"] == 0


def test_a_cleared_run_writes_everything_in_the_place_of_its_files_and_loses_no_row(night: Night) -> None:
    night.run("r1", "brands")
    night.sandbox.store.add("brands", name="new")
    night.run("r2", "brands", after=HOUR)
    night.run("r3", "brands", after=HOUR)

    assert night.run("r2", "brands", after=HOUR)["rows"] == night.sandbox.store.count("brands")
    assert night.run("r4", "brands", after=HOUR)["rows"] == 0
    assert len(night.copy("brands")) == night.sandbox.store.count("brands")


def test_a_row_that_went_and_came_back_is_written_again(night: Night) -> None:
    store = night.sandbox.store
    night.run("r1", "brands")
    [brand, *_] = store.rows("brands")
    store.delete("brands", brand["id"])
    night.run("r2", "brands", after=HOUR)
    store.add("brands", **brand)

    assert night.run("r3", "brands", after=HOUR)["rows"] == 1


def test_other_fields_are_another_row(night: Night) -> None:
    first = night.run("r1", "brands", fields=["name"])

    assert night.run("r2", "brands", after=HOUR, fields=["name", "page_title"])["rows"] == first["rows"]


def test_a_run_that_another_one_overtook_commits_nothing_and_its_retry_compares_with_that(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = night.sandbox.store
    night.run("r1", "brands")
    store.add("brands", name="new")
    slow = BigCommerceToObjectStorageOperator(
        task_id="brands", resource="brands", path=str(night.path), mode="incremental", file_format="jsonl"
    )
    refuse = FileRun.refuse_to_mix

    with monkeypatch.context() as patch:

        def overtaken(run: FileRun) -> None:
            patch.undo()
            night.run("fast", "brands", after=HOUR)
            refuse(run)

        patch.setattr(FileRun, "refuse_to_mix", overtaken)  # the moment before the commit
        with pytest.raises(ConcurrentRunError, match=r"Another run read brands.*max_active_tis_per_dag=1"):
            slow.execute(night.airflow.context("slow", "brands"))

    assert night.run("slow", "brands")["rows"] == 0
    assert len(night.copy("brands")) == store.count("brands")


@pytest.mark.parametrize("argument", ["since", "until", "initial_since"])
def test_a_bound_that_cannot_be_sent_is_refused(night: Night, argument: str) -> None:
    with pytest.raises(InvalidQueryError, match=r"no filter by change date for 'brands': mode='incremental' reads the whole list"):
        night.run("r1", "brands", **{argument: "2026-03-01T00:00:00Z"})
    assert night.sandbox.store.requests == []


def test_a_watermark_in_the_future_is_refused(night: Night) -> None:
    night.run("r1", "brands")
    night.later(-timedelta(days=2))

    with pytest.raises(InvalidQueryError, match="lies after this window's end"):
        night.run("r2", "brands")
