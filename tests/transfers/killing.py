"""SIGKILL at an exact moment, from inside the process that is to die: before or after a file gets its name, or a state is kept.

An audit hook sees each rename before it happens, and the first thing the package does after it; nothing of the package is changed.
The moments are text, so that a plan can be given to another process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_bigcommerce.engine.pages_ahead import WRITTEN_AT_ONCE

#: Rows of a page and of a part file in these tests, and requests at once.
PAGE, PART, AT_ONCE = 10, 50, 4
#: Rows that may be read twice: those of the part that was open, of the page that would have closed it, of the pages that were
#: under way ahead of it, and of those that were written together with it or waited for that. The client looks ahead by
#: ``max_concurrency`` requests, and by twice as many while the next page in order is late.
BOUND = PART + PAGE + 2 * AT_ONCE * PAGE + 2 * WRITTEN_AT_ONCE * PAGE


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(moment: str, *, task_store: type, asset_store: type) -> None:
    """Make this process kill itself.

    :param moment: ``before rename of <text>`` or ``after rename of <text>``, where the text is part of the file's new path; or
        ``before|after <set|delete> of <task|asset> state <n>``, of the n-th such call.
    :param task_store: class of the task's state.
    :param asset_store: class of an asset's state.
    """
    words = moment.split()
    is_after = words[0] == "after"
    if words[1] == "rename":
        _at_rename(words[3], is_after=is_after)
    else:
        _at_call(task_store if words[3] == "task" else asset_store, words[1], int(words[5]), is_after=is_after)


def _at_rename(name: str, *, is_after: bool) -> None:
    renamed: list[Path] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and name in str(arguments[1]):
            if not is_after:
                die()
            renamed.append(Path(str(arguments[1])))
        elif event == "open" and renamed and renamed[0].exists():
            die()

    sys.addaudithook(hook)


def _at_call(store: Any, method: str, number: int, *, is_after: bool) -> None:
    plain: Callable[..., Any] = getattr(store, method)
    calls: list[str] = []

    def deadly(self: Any, key: str, *arguments: Any, **options: Any) -> Any:
        calls.append(key)
        if len(calls) == number and not is_after:
            die()
        answer = plain(self, key, *arguments, **options)
        if len(calls) == number:
            die()
        return answer

    setattr(store, method, deadly)


def through(connection: Mapping[str, Any], port: int | None = None) -> dict[str, Any]:
    """The connection with as many requests at once as these tests allow, by a port of a proxy."""
    host = connection["host"] if port is None else f"http://127.0.0.1:{port}"
    return {**connection, "host": host, "extra": {**connection["extra"], "max_concurrency": AT_ONCE}}


def before_the_task(context: Any) -> None:
    """A task's ``pre_execute``: note who it is and what is committed, and arm its first try.

    Tries are counted here: one of Airflow's that never came to run a task (its API was slow, say) is none.
    The folder ``KILLING`` holds a file ``plan.json``, run id -> moment, and gets ``<run id>.<try>.json`` from each try.
    """
    from airflow.sdk.execution_time.context import AssetStateStoreAccessor, TaskStateStoreAccessor

    folder, ti = Path(os.environ["KILLING"]), context["ti"]
    moment = json.loads((folder / "plan.json").read_text())[ti.run_id]
    number = 1 + len(list(folder.glob(f"{ti.run_id}.*.json")))
    about = {
        "pid": os.getpid(),
        "correlation_id": str(ti.id),
        "manifests": [file.name for file in (folder / "copy" / ti.run_id).rglob("_manifests/*.json")],
    }
    note = folder / f"{ti.run_id}.{number}.json"
    note.with_suffix(".new").write_text(json.dumps(about))
    note.with_suffix(".new").rename(note)
    if moment is not None and number == 1:
        arm(moment, task_store=TaskStateStoreAccessor, asset_store=AssetStateStoreAccessor)
