"""``python -m tests.benchmarks``: measure, print, and on request write ``docs/benchmarks.md``.

Each measure's numbers are kept in ``.venv-benchmarks/results.json`` with date and commit, so that one of them can be repeated
alone; the page is written from what is kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from tests.benchmarks.measures import MEASURES, revision
from tests.benchmarks.page import goals, rendered, with_events
from tests.benchmarks.processes import KEPT, PROJECT, Processes

_RESULTS = KEPT / "results.json"
_PAGE = PROJECT / "docs" / "benchmarks.md"


def main() -> int:
    """Run the measures; 0 when they ran, whatever they found."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, smaller sizes: minutes instead of half an hour")
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=f"of {', '.join(MEASURES)}; all of them if none is given")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md from the numbers that are kept")
    parser.add_argument("--write-events", action="store_true", help="write its section on events alone, all else as it stands")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.measures if name not in MEASURES]:
        parser.error(f"no such measure: {', '.join(unknown)}. There are {', '.join(MEASURES)}.")
    kept: dict[str, Any] = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    with Processes() as processes:
        for name in arguments.measures or MEASURES:
            print(f"{name}: {(MEASURES[name].__doc__ or '').strip()}", flush=True)
            found = MEASURES[name](processes, quick=arguments.quick)
            kept[name] = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": revision(), "quick": arguments.quick, "found": found}
            KEPT.mkdir(exist_ok=True)
            _RESULTS.write_text(json.dumps(kept, indent=1))
            for goal in goals({name: found}):
                print(f"  {goal.row()}", flush=True)
    if arguments.write_events:
        _PAGE.write_text(with_events(_PAGE.read_text(), kept["events"]["found"]))
    if arguments.write:
        missing = [name for name in MEASURES if name not in kept]
        if missing:
            print(f"Not measured yet, and so not on the page, which says so: {', '.join(missing)}.", file=sys.stderr)
        _PAGE.write_text(rendered({name: kept[name] for name in MEASURES if name in kept}, missing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
