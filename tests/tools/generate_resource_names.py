"""Write core/catalog/names.py from the catalog: the names of all resources as one type, which an editor completes.

Run it as ``python -m tests.tools.generate_resource_names``; a test compares the module.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow_provider_bigcommerce.core.catalog import ALIASES, CATALOG

MODULE = Path(__file__).resolve().parents[2] / "airflow_provider_bigcommerce" / "core" / "catalog" / "names.py"

_BEGINNING = '''\
"""The names of all resources as a type. Written by ``python -m tests.tools.generate_resource_names``: change the catalog, not this file.

For type checkers and editors alone: nothing imports it at run time. An argument takes ``ResourceName | str``, for a path is text.
"""

from __future__ import annotations

from typing import Literal

ResourceName = Literal[
'''


def module() -> str:
    """The whole module, with a line end."""
    return _BEGINNING + "".join(f'    "{name}",\n' for name in sorted({*CATALOG, *ALIASES})) + "]\n"


if __name__ == "__main__":
    MODULE.write_text(module(), encoding="utf-8")
    sys.stdout.write(f"{MODULE}\n")
