"""Every snippet of the pages is run by a test that names its page, or there is a reason why none can."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from airflow_provider_bigcommerce.dbt.copied_tables import described
from airflow_provider_bigcommerce.dbt.project import files
from tests.conftest import PROJECT

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: Languages in which nothing can be run: outputs, layouts, and commands, whose subcommands and options test_docs.py checks.
NOT_RUN = frozenset({"", "text", "json", "console", "bash", "sh"})

#: Page -> the test that runs its Python, SQL and YAML.
RUN_BY: Mapping[str, str] = {
    "README.md": "tests/provider/test_readme.py",
    "docs/quickstart.md": "tests/provider/test_readme.py",
    "docs/how-it-reads.md": "tests/transfers/test_reading_the_files.py",
    "docs/how-to/alerts.md": "tests/operators/test_how_to.py",
    "docs/how-to/approve-a-change.md": "tests/writing/test_write_pages.py",
    "docs/how-to/backfill.md": "tests/operators/test_how_to.py",
    "docs/how-to/call-any-endpoint.md": "tests/operators/test_how_to.py",
    "docs/how-to/change-many-rows.md": "tests/operators/test_how_to.py",
    "docs/how-to/compact-a-copy.md": "tests/sync/test_how_to.py",
    "docs/how-to/copy-b2b.md": "tests/sync/test_b2b.py",
    "docs/how-to/deploy.md": "tests/house/test_deploy.py",
    "docs/how-to/keep-lakehouse-tables.md": "tests/lake/test_how_to.py",
    "docs/how-to/keep-stock-in-step.md": "tests/operators/test_rows_how_to.py",
    "docs/how-to/live-copy.md": "tests/sync/test_how_to.py",
    "docs/how-to/load-a-warehouse.md": "tests/sql/test_how_to.py",
    "docs/how-to/load-into-a-database.md": "tests/sql/test_how_to.py",
    "docs/how-to/many-stores.md": "tests/sync/test_how_to.py",
    "docs/how-to/model-with-dbt.md": "tests/house/test_snippets.py",
    "docs/how-to/notice-deletes.md": "tests/sql/test_deletes.py",
    "docs/how-to/object-stores.md": "tests/sync/test_how_to.py",
    "docs/how-to/personal-data.md": "tests/operators/test_how_to.py",
    "docs/how-to/plan-a-change.md": "tests/operators/test_how_to.py",
    "docs/how-to/prove-the-copy.md": "tests/operators/test_how_to.py",
    "docs/how-to/react-to-new-data.md": "tests/sync/test_how_to.py",
    "docs/how-to/read-one-resource-with-many-workers.md": "tests/operators/test_how_to.py",
    "docs/how-to/receive-webhooks.md": "tests/operators/test_webhooks.py",
    "docs/how-to/refund-orders.md": "tests/operators/test_rows_how_to.py",
    "docs/how-to/retries.md": "tests/operators/test_how_to.py",
    "docs/how-to/ship-orders.md": "tests/operators/test_rows_how_to.py",
    "docs/how-to/sync-a-whole-store.md": "tests/sync/test_how_to.py",
    "docs/how-to/test-your-dag.md": "tests/house/test_testing_page.py",
    "docs/how-to/undo-a-change.md": "tests/writing/test_write_pages.py",
    "docs/how-to/webhooks-from-a-queue.md": "tests/operators/test_queue.py",
    "docs/how-to/wait-for-something.md": "tests/operators/test_how_to.py",
}

#: Beginnings of blocks that are not run, and why.
REASONS: Mapping[str, str] = {
    "CREATE TEMPORARY TABLE orders_new": "Snowflake's own statements; nobody here can run Snowflake",
    "MERGE shop.orders": "BigQuery's own statement; nobody here can run BigQuery",
    "CREATE TEMP TABLE orders_new": "Redshift's own statements; nobody here can run Redshift",
}


def snippets() -> list[tuple[str, str, str]]:
    """Page, language and text of each block in which something can be run."""
    pages = [PROJECT / "README.md", PROJECT / "SECURITY.md", *sorted((PROJECT / "docs").rglob("*.md"))]
    found = [(str(page.relative_to(PROJECT)), *block) for page in pages for block in FENCE.findall(page.read_text(encoding="utf-8"))]
    return [(page, language, text) for page, language, text in found if language not in NOT_RUN]


def test_every_page_with_a_snippet_has_a_test_that_names_it() -> None:
    pages = {page for page, _, text in snippets() if not text.startswith(tuple(REASONS))}

    assert pages == set(RUN_BY)
    silent = {page for page, test in RUN_BY.items() if page.rpartition("/")[2] not in (PROJECT / test).read_text(encoding="utf-8")}
    assert silent == set()


def test_each_reason_is_that_of_a_snippet() -> None:
    assert {begin for begin in REASONS if not any(text.startswith(begin) for _, _, text in snippets())} == set()


def test_the_profile_of_the_page_about_dbt_is_that_of_the_project_and_of_the_example_dag() -> None:
    [profile] = [yaml.safe_load(text) for page, language, text in snippets() if page.endswith("model-with-dbt.md") and language == "yaml"]
    project: dict[str, Any] = yaml.safe_load(files([described("orders")], schema=None, name="bigcommerce")["dbt_project.yml"])
    example = (PROJECT / "dags" / "bigcommerce_dbt.py").read_text()

    [name] = profile
    assert name == project["profile"]
    assert f'profile_name="{name}", target_name="{profile[name]["target"]}"' in example
    assert set(profile[name]["outputs"]) == {profile[name]["target"]}
