"""A write's folder: files are valid by their manifest, nothing is replaced, and what was changed since is refused."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    DestinationError,
    FolderUsedError,
    ForeignManifestError,
    NoManifestError,
    PlanChangedError,
)
from airflow_provider_bigcommerce.writing.folder import begin_attempt, open_attempt, open_outcomes, open_plan, read_plan_manifest
from airflow_provider_bigcommerce.writing.formats import (
    FORMAT,
    OutcomeManifest,
    OutcomeRow,
    PlanManifest,
    PlanRow,
    encoded,
    plan_row_decoder,
)


def _row(place: int, **values: object) -> PlanRow:
    return PlanRow(
        row=place, key=[f"SKU-{place}"], id=place + 100, operation="update", fields=sorted(values),
        old=dict.fromkeys(values), new=values, body={"id": place + 100, **values},
    )  # fmt: skip


def _committed(path: Path, rows: list[PlanRow], **changes: object) -> str:
    folder = begin_attempt(path, "products", "run-1", "plan")
    with folder.rows() as writer:
        for row in rows:
            writer.write(row)
    told = {
        "plan_id": "p", "resource": "products", "store_hash": "abc", "operation": "update", "match_on": ["sku"],
        "created_at": "2026-01-01T00:00:00Z", "provider_version": "1", "rows": len(rows), "counts": {"update": len(rows)},
        "digest": folder.files[0].sha256, "files": folder.files,
    }  # fmt: skip
    return folder.commit(PlanManifest(**{**told, **changes}))


def test_a_plan_is_read_as_it_was_written(tmp_path):
    rows = [_row(place, price=Decimal("12.5000"), name="é|`") for place in range(3)]
    uri = _committed(tmp_path, rows)
    assert uri.endswith("/products/run=run-1/plan-1/manifest.json")
    with open_plan(uri) as plan:
        assert list(plan.rows()) == rows
        assert list(plan.rows()) == rows  # from the first on again
    with open_plan(uri.rpartition("/")[0]) as plan:
        assert plan.manifest == read_plan_manifest(uri)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12.5000"), "12.5000"), (Decimal("0.1"), "0.1"), (0.1, "0.1"), (Decimal("1E+3"), "1E+3"), (Decimal("-0.0001"), "-0.0001"),
        (7, "7"), (2**70, str(2**70)), (Decimal("99999999999999999.9999"), "99999999999999999.9999"),
    ],
)  # fmt: skip
def test_an_amount_stays_exact(value, text):
    data = encoded(_row(0, price=value))
    assert f'"price":{text}'.encode() in data
    back = plan_row_decoder.decode(data).body["price"]
    assert back == Decimal(text)
    assert not isinstance(back, float)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity")])
def test_what_is_no_number_is_not_written(value):
    with pytest.raises(msgspec.DecodeError):
        encoded(_row(0, price=value))
    assert b"NaN" in encoded(_row(0, name="NaN"))


def test_no_attempt_is_replaced(tmp_path):
    first, second = _committed(tmp_path, [_row(0)]), _committed(tmp_path, [_row(1)])
    assert "/plan-1/" in first
    assert "/plan-2/" in second
    assert begin_attempt(tmp_path, "products", "run-1", "plan", number=2).number == 3
    assert begin_attempt(tmp_path, "products", "run-1", "apply").number == 1  # each kind has its own
    with pytest.raises(FolderUsedError):
        open_attempt(tmp_path, "products", "run-1", "plan", 1)
    with open_plan(first) as plan:
        assert [row.row for row in plan.rows()] == [0]


def test_an_attempt_is_committed_once(tmp_path):
    folder = begin_attempt(tmp_path, "products", "run-1", "plan")
    again = open_attempt(tmp_path, "products", "run-1", "plan", folder.number)
    manifest = PlanManifest(
        plan_id="p", resource="products", store_hash="abc", operation="update", match_on=[], created_at="", provider_version="1",
        rows=0, counts={}, digest="", files=[],
    )  # fmt: skip
    folder.commit(manifest)
    with pytest.raises(FolderUsedError):
        again.commit(manifest)


def test_an_attempt_that_was_not_begun_is_not_gone_on_with(tmp_path):
    with pytest.raises(NoManifestError):
        open_attempt(tmp_path, "products", "run-1", "plan", 1)


def test_a_file_whose_writing_failed_is_not_there(tmp_path):
    folder = begin_attempt(tmp_path, "products", "run-1", "plan")
    with pytest.raises(TypeError), folder.rows() as writer:
        writer.write(_row(0, name=object()))
    assert folder.files == []
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"_begun"}


def _cut(folder: Path) -> None:
    rows = folder / "plan.jsonl.gz"
    rows.write_bytes(rows.read_bytes()[:-9])


def _edited(folder: Path) -> None:
    rows = folder / "plan.jsonl.gz"
    rows.write_bytes(gzip.compress(gzip.decompress(rows.read_bytes()).replace(b"9.99", b"0.99")))


def _told(**changes: object):
    def change(folder: Path) -> None:
        manifest = folder / "manifest.json"
        manifest.write_bytes(msgspec.json.encode({**msgspec.json.decode(manifest.read_bytes()), **changes}))

    return change


def _named(name: str):
    def change(folder: Path) -> None:
        manifest = folder / "manifest.json"
        told = msgspec.json.decode(manifest.read_bytes())
        told["files"][0]["name"] = name
        manifest.write_bytes(msgspec.json.encode(told))

    return change


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), NoManifestError, "is not there"),
        (lambda folder: (folder / "manifest.json").write_text("{"), ForeignManifestError, "is no manifest"),
        (lambda folder: (folder / "manifest.json").write_text('{"kind": "plan", "format": 1}'), ForeignManifestError, "no whole manifest"),
        (_told(kind="outcome"), ForeignManifestError, "kind 'outcome'"),
        (_told(format=FORMAT + 1), ForeignManifestError, f"has the format {FORMAT + 1}"),
        (_told(digest="0" * 64), PlanChangedError, "not that of its first file"),
        (_told(files=[]), PlanChangedError, "not that of its first file"),
        (_cut, PlanChangedError, "its SHA-256 is"),
        (_edited, PlanChangedError, "its SHA-256 is"),
        (lambda folder: (folder / "plan.jsonl.gz").unlink(), PlanChangedError, "it is not there"),
        (_named("../plan.jsonl.gz"), DestinationError, "leaves its folder"),
        (_named("/etc/passwd"), DestinationError, "leaves its folder"),
    ],
    ids=["none", "no-json", "half", "kind", "newer", "digest", "no-files", "cut", "edited", "gone", "above", "absolute"],
)
def test_what_is_not_as_it_was_committed_is_refused(tmp_path, change, error, text):
    uri = _committed(tmp_path, [_row(0, price=Decimal("9.99"))])
    change(Path(uri.removeprefix("file://")).parent)
    with pytest.raises(error, match=text) as raised, open_plan(uri):
        pytest.fail("it was opened")
    assert isinstance(raised.value, BigCommerceError)
    assert "\n" not in str(raised.value)


def test_fewer_rows_than_the_manifest_names_are_refused_at_their_end(tmp_path):
    uri = _committed(tmp_path, [_row(0)])
    folder = Path(uri.removeprefix("file://")).parent
    told = msgspec.json.decode((folder / "manifest.json").read_bytes())
    told["files"][0]["rows"] = 2
    (folder / "manifest.json").write_bytes(msgspec.json.encode(told))
    with open_plan(uri) as plan, pytest.raises(PlanChangedError, match="it has 1 rows"):
        list(plan.rows())


def test_outcomes_are_read_as_they_were_written(tmp_path):
    folder = begin_attempt(tmp_path, "products", "run-1", "write")
    rows = [
        OutcomeRow(row=0, key=["A"], id=5, outcome="updated", status=200),
        OutcomeRow(row=1, key=[], id=None, outcome="unknown", error="x"),
    ]
    with folder.rows("outcomes.jsonl.gz") as writer:
        for row in rows:
            writer.write(row)
    uri = folder.commit(
        OutcomeManifest(
            resource="products", store_hash="abc", operation="update", started_at="", finished_at="", provider_version="1", rows=2,
            counts={"updated": 1, "unknown": 1}, files=folder.files,
        )
    )  # fmt: skip
    with open_outcomes(uri) as written:
        assert list(written.rows()) == rows
    with pytest.raises(ForeignManifestError), open_plan(uri):
        pytest.fail("outcomes are no plan")
