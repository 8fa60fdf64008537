"""Is the fake true? Every answer is held against BigCommerce's OpenAPI files."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_bigcommerce.sandbox.all_routes import build_router
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.sandbox.published import Published
from tests.sandbox.walk import Walker

# Where the files contradict themselves, or the store, and we follow the store: path, start of the complaint, why.
CONTRADICTIONS: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="session")
def published(openapi_dir: Path) -> Published:
    return Published(openapi_dir)


@pytest.mark.bigcommerce_sandbox(products=30, orders=12, customers=12)
def test_every_answer_has_the_shape_bigcommerce_publishes(bigcommerce_sandbox: Sandbox, published: Published) -> None:
    walker, router = Walker(bigcommerce_sandbox), build_router()
    complaints: list[str] = []
    used: set[tuple[str, str]] = set()
    for template in published.paths():
        if template not in router.templates or "get" not in router.templates[template].handlers:
            continue
        paths = walker.fill(template)
        if not paths:
            complaints.append(f"{template}: no row to ask for")
        for path in paths:
            status, payload = walker.get(path)
            if status not in (200, 204):
                complaints.append(f"{path}: HTTP {status} {payload}")
                continue
            for complaint in published.errors(template, "get", status, payload) if payload is not None else []:
                known = [key for key in CONTRADICTIONS if key[0] == template and complaint.startswith(key[1])]
                used.update(known)
                if not known:
                    complaints.append(f"{template}: {complaint}")
    assert not complaints, "\n".join(sorted(set(complaints)))
    assert set(CONTRADICTIONS) - used == set(), "listed, but no answer contradicts its file there any more"
