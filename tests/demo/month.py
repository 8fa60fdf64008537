"""The demo's month in short: five days of a store of its own and of its copy in SQLite, hour by hour, told day by day.

What happens is the tests' (tests/month); this part runs it as a program, shows it and counts its verdicts among the demo's checks.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.demo.processes import Programs
from tests.demo.screen import Screen

PROJECT = Path(__file__).resolve().parent.parent.parent

#: What the five days must hold: kind of event -> how often.
EVENTS = {"outage": 5, "killed run": 3, "backfill": 1, "schema change": 1}


class Month:
    """One part of the demo.

    :param programs: runs the month.
    :param screen: shows it.
    :param folder: of the database and of an Airflow home of its own.
    :param environment: the demo's Airflow's environment.
    """

    def __init__(self, programs: Programs, screen: Screen, folder: Path, environment: Mapping[str, str]) -> None:
        self.programs = programs
        self.screen = screen
        self.folder = folder
        self.database = folder / "copy.db"
        self.environment = {**environment, "AIRFLOW_HOME": str(folder / "airflow"), "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}

    def tell(self) -> None:
        """Live through it, day by day, then the comparison."""
        self.folder.mkdir()
        self.screen.say(f"Another store, whose clock is moved hour by hour; six tasks keep its copy in {self.database}")
        events: Counter[str] = Counter()
        verdicts: list[dict[str, Any]] = []
        command = [sys.executable, "-m", "tests.month", self.database]
        for line in self.programs.lines("month", command, self.environment, PROJECT):
            told = json.loads(line)
            if "date" in told:
                self._tell_day(told)
                events.update(kind for _, kind, _ in told["events"])
            else:
                verdicts.append(told)
        self._check(events, verdicts)

    def _tell_day(self, day: Mapping[str, Any]) -> None:
        gone = {name: number for name, number in day["store"].items() if name.endswith((" deleted", " archived"))}
        came = {name: number for name, number in day["store"].items() if name not in gone}
        failed, killed = day["sync"].get("tries failed", 0), day["sync"].get("tries killed", 0)
        self.screen.say(f"[bold]{day['date']}[/bold]")
        self.screen.labelled(
            [
                ("in the store", _listed(came)),
                ("gone from it", _listed(gone)),
                *((f"[yellow]{hour:02d}:00 {kind}[/yellow]", what) for hour, kind, what in day["events"]),
                ("the sync", f"{day['sync']['runs']} runs; tries that failed {failed}, that were killed {killed}: repeated an hour later"),
                ("the copy has", _listed(day["copy"])),
            ]
        )

    def _check(self, events: Mapping[str, int], verdicts: list[dict[str, Any]]) -> None:
        self.screen.table(
            "The copy compared with the store",
            ["table", "rows in the store", "rows in the copy", "of them archived", "differences", "compared by reconcile", "equal"],
            [
                [
                    found["resource"], found["shown"], found["rows"], found["marked"], len(found["differences"]), found["compared"],
                    "yes" if found["is_confirmed"] else "no",
                ]
                for found in verdicts
            ],
        )  # fmt: skip
        told = ", ".join(f"{number} {kind}{'s' if number > 1 else ''}" for kind, number in EVENTS.items())
        self.screen.check(f"{told} happened on the way", events == EVENTS, dict(events))
        differences = [difference for found in verdicts for difference in found["differences"]]
        exact = len(verdicts) == 5 and all(found["is_exact"] for found in verdicts)
        self.screen.check("all five tables equal the store, row for row and field for field", exact, differences)
        wrong = [found for found in verdicts if not found["is_confirmed"]]
        self.screen.check("the reconcile operator compared every row and says so, of all five", len(verdicts) == 5 and not wrong, wrong)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in counts.items())
