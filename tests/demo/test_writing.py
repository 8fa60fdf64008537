"""The demo's second act as a person sees it who rejects the first plan, with a made-up Airflow and store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from tests.demo.airflow_server import DemoAirflow
from tests.demo.screen import Screen
from tests.demo.shop import Shop
from tests.demo.writing import PRICES, Writing

SKUS = {f"SKU-{number}": float(number) for number in range(1, 9)}


class Made:
    """A store of eight prices and an Airflow: the first question is rejected, the second approved."""

    url, username, password, env = "http://127.0.0.1:1", "admin", "secret", dict[str, str]()

    def __init__(self) -> None:
        self.prices = dict(SKUS)
        self.stock = 3
        self.answers: dict[str, str] = {}
        self.commands: list[str] = []
        self.programs = self

    def rows(self, path: str, **query: Any) -> list[dict[str, Any]]:
        if path == "/v3/inventory/items":
            return [{"locations": [{"location_code": "L-1", "total_inventory_onhand": self.stock}]}]
        return [{"sku": sku, "price": price, "inventory_tracking": "product"} for sku, price in self.prices.items()]

    def access_log(self) -> list[dict[str, Any]]:
        return [{"method": "GET", "path": "/v3/catalog/products"}]

    def forget_requests(self) -> None:
        pass

    def unpause(self, dag_id: str) -> None:
        pass

    def check(self) -> None:
        pass

    def trigger(self, dag_id: str) -> str:
        run = f"{dag_id}-{len(self.answers) + 1}"
        if dag_id != PRICES:
            self.stock += 17
        return run

    def api(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """A person has answered whenever somebody looks: no, then yes."""
        [run] = re.findall(r"dagRuns/([^/]+)/", path)
        asked = {"body": "| sku | price |\n| --- | --- |\n| SKU-1 | 1 → 1.05 |", "response_received": False}
        if run not in self.answers:
            self.answers[run] = "asked"
            return asked
        if self.answers[run] == "asked":
            self.answers[run] = "Reject" if len(self.answers) == 1 else "Approve"
            if self.answers[run] == "Approve":
                self.prices = {sku: round(price * 1.05, 2) for sku, price in SKUS.items()}
        return {"response_received": True, "chosen_options": [self.answers[run]]}

    def run_state(self, dag_id: str, run: str) -> str:
        return "running" if dag_id == PRICES and self.answers.get(run, "asked") == "asked" else "success"

    def task_instances(self, dag_id: str, run: str) -> list[dict[str, Any]]:
        return [{"task_id": "approve", "state": "awaiting_input" if self.run_state(dag_id, run) == "running" else "success"}]

    def waits_for_a_person(self, dag_id: str, run: str) -> bool:
        return self.run_state(dag_id, run) == "running"

    def returned(self, dag_id: str, run: str, task: str) -> dict[str, Any]:
        return {
            "apply": {"counts": {"updated": 8}, "approved_by": "admin", "manifest": "the outcome"},
            "read_back": {"counts": {"input": 8, "unchanged": 8}},
            "stock": {"counts": {"rejected": 1, "updated": 1}},
        }[task]

    def lines(self, name: str, command: list[Any], environment: object, cwd: Path) -> Iterator[str]:
        self.commands.append(" ".join(map(str, command[1:])))
        yield '{"manifest": "the undo",\n'
        yield '"cannot": {}, "counts": {"updated": 8}}\n'
        if command[2] == "apply":
            self.prices = dict(SKUS)


def test_whoever_rejects_the_demos_plan_is_asked_once_more_and_every_check_holds_then(tmp_path: Path) -> None:
    made, screen = Made(), Screen()
    screen.console.file = (tmp_path / "screen").open("w")

    Writing(cast(DemoAirflow, made), cast(Shop, made), screen, tmp_path / "act", 60).tell(once=False)

    screen.console.file.close()
    text = (tmp_path / "screen").read_text()
    assert list(made.answers.values()) == ["Reject", "Approve"]
    assert "You rejected the plan: nothing was sent." in text
    assert f"{made.url}/dags/{PRICES}/runs/{PRICES}-2/tasks/approve/required_actions" in text
    assert made.commands == ["write undo the outcome --json", "write apply the undo --yes --json"]
    assert [claim for claim, held in screen.held if not held] == []
    assert len(screen.held) == 8
