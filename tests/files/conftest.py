"""A destination on the disk and short ways to write and read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from airflow_provider_bigcommerce.targets.files.destination import Destination


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    return Destination(LocalFileSystem(), str(tmp_path), str(tmp_path))


def encoded(*records: Any) -> list[bytes]:
    """Records as a store sends them; bytes stay as they are."""
    return [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]


@pytest.fixture
def leaves(tmp_path: Path) -> Callable[[], list[str]]:
    """All files that are there now, hidden ones too."""
    return lambda: sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
