"""Where the pages of the documentation are, for a person who has only the package: errors and DAGs name them by their address.

Pure; the address is the one that the package's metadata has.
"""

from __future__ import annotations

from typing import Final

#: The directory of the pages. ``tests/house/test_pages.py`` checks it against pyproject.toml and against the files.
DOCS: Final = "https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs"


def page(name: str) -> str:
    """A page's address.

    :param name: below ``docs/``, such as ``how-to/backfill.md``.
    """
    return f"{DOCS}/{name}"
