"""Write docs/reference/operators.md from signatures and docstrings, so that the page names every argument and says nothing else.

Run it as ``python -m tests.tools.generate_arguments_page``; a test compares the page, and another holds it against the signatures.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "operators.md"

PACKAGE = "airflow_provider_bigcommerce"

#: The page's parts: heading -> what is described there, each as module and name.
PARTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "A whole store": (("sync", "bigcommerce_sync"), ("sync", "Tables"), ("sync", "Lake")),
    "Transfers": (
        ("transfers.transfer", "BigCommerceTransferOperator"),
        ("transfers.to_object_storage", "BigCommerceToObjectStorageOperator"),
        ("transfers.to_sql", "BigCommerceToSqlOperator"),
        ("transfers.to_lake", "BigCommerceToLakeOperator"),
        ("transfers.write_back", "ToBigCommerceOperator"),
        ("transfers.object_storage_to_bigcommerce", "ObjectStorageToBigCommerceOperator"),
        ("transfers.sql_to_bigcommerce", "SqlToBigCommerceOperator"),
    ),
    "Operators": (
        ("operators.request", "BigCommerceRequestOperator"),
        ("operators.graphql", "BigCommerceGraphQLOperator"),
        ("operators.reconcile", "BigCommerceReconcileOperator"),
        ("operators.compact", "BigCommerceCompactOperator"),
        ("operators.webhooks", "BigCommerceWebhooksOperator"),
        ("operators.queue", "BigCommerceQueueOperator"),
        ("operators.queue", "BigCommerceAcknowledgeOperator"),
        ("operators.plan", "BigCommercePlanOperator"),
        ("operators.apply", "BigCommerceApplyOperator"),
        ("operators.undo", "BigCommerceUndoOperator"),
        ("operators.partition", "partition"),
        ("operators.partition", "BigCommercePartitionOperator"),
        ("operators.partition", "commit_partitions"),
        ("operators.partition", "BigCommerceCommitPartitionsOperator"),
        ("operators.sync", "BigCommerceReadableResourcesOperator"),
        ("operators.sync", "BigCommerceSyncSummaryOperator"),
    ),
    "Stock, shipments, refunds": (
        ("operators.rows", "BigCommerceRowsOperator"),
        ("operators.stock", "BigCommerceStockOperator"),
        ("operators.shipments", "BigCommerceShipmentOperator"),
        ("operators.refunds", "BigCommerceRefundOperator"),
    ),
    "Events": (("events", "changes"), ("events", "new_events")),
    "Sensors": (("sensors.resource", "BigCommerceResourceSensor"),),
    "Triggers": (
        ("triggers.changes", "BigCommerceChangesTrigger"),
        ("triggers.resource", "BigCommerceResourceTrigger"),
        ("triggers.until", "BigCommerceUntilTrigger"),
    ),
}

_INTRODUCTION = """\
# Operators and their arguments

<!-- Written by `python -m tests.tools.generate_arguments_page` from signatures and docstrings; change these, not this page. -->

Every argument of every operator, transfer, sensor and trigger, and of the functions for events. Operators and sensors also take the
arguments that Airflow gives to every task (`task_id`, `retries`, `pool` ...).

- **Default**: the value if you leave the argument out. *required*: you must give it.
- **Template**: whether Airflow renders Jinja templates in it.
"""

_PARAMETER = re.compile(r"^:param (\w+):\s*(.*)$")
_FIELD = re.compile(r"^:\w+")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument, as the page shows it.

    :param name: its name.
    :param default: as it is written in Python, or "required".
    :param is_template: whether Airflow renders it.
    :param text: Markdown.
    """

    name: str
    default: str
    is_template: bool
    text: str


def found(module: str, name: str) -> Any:
    """A class or function of the page."""
    return getattr(import_module(f"{PACKAGE}.{module}"), name)


def own_parameters(thing: Any) -> dict[str, inspect.Parameter]:
    """What the thing's own signature names: without ``self``, and without what goes on to the class above it."""
    signature = inspect.signature(thing.__init__ if inspect.isclass(thing) else thing)
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {name: each for name, each in signature.parameters.items() if name != "self" and each.kind not in kinds}


def documented(thing: Any) -> dict[str, str]:
    """``:param:`` of the docstring: name -> its text on one line, as it stands there."""
    texts: dict[str, str] = {}
    current = None
    for line in inspect.cleandoc(thing.__doc__ or "").splitlines():
        beginning = _PARAMETER.match(line)
        if beginning:
            current = beginning.group(1)
            texts[current] = beginning.group(2).strip()
        elif _FIELD.match(line) or not line.strip():
            current = None
        elif current is not None:
            texts[current] += f" {line.strip()}"
    return texts


def arguments(thing: Any) -> Iterator[Argument]:
    """The arguments of a thing in the order of its signature; what only the docstring names comes last."""
    texts, parameters = documented(thing), own_parameters(thing)
    templates = set(getattr(thing, "template_fields", ()))
    for name in [*parameters, *(name for name in texts if name not in parameters)]:
        text = texts.get(name, "")
        is_template = name in templates
        shown = text.removesuffix(" (templated)") if is_template else text
        yield Argument(name, _default(parameters.get(name)), is_template, _markdown(shown))


def _default(parameter: inspect.Parameter | None) -> str:
    if parameter is None:  # of **arguments: the text says which
        return ""
    if parameter.default is inspect.Parameter.empty:
        return "*required*"
    return f"`{_written(parameter.default)}`"


def _written(value: Any) -> str:
    import datetime

    if isinstance(value, datetime.timedelta):
        whole = int(value.total_seconds())
        for unit, seconds in (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1)):
            if whole and whole % seconds == 0:
                return f"timedelta({unit}={whole // seconds})"
        return "timedelta(0)"
    return repr(value).replace("'", '"')


def _markdown(text: str) -> str:
    """A docstring's markup as Markdown's, safe in a table's cell."""
    text = re.sub(r":\w+:`~?([\w.]+)`", lambda name: f"`{name.group(1).rpartition('.')[2]}`", text)
    text = re.sub(r"(?<![`\w/])docs/([\w/-]+\.md)", r"[docs/\1](../\1)", text)
    return text.replace("``", "`").replace("|", "\\|").strip()


def _summary(thing: Any) -> list[str]:
    """The docstring before its parameters: paragraphs, with its example as code."""
    lines: list[str] = []
    for line in inspect.cleandoc(thing.__doc__ or "").splitlines():
        if _FIELD.match(line):
            break
        lines.append(line)
    out: list[str] = []
    is_code = False
    for block in re.split(r"\n\s*\n", "\n".join(lines).strip()):
        if block.strip() == "::":
            is_code = True
            continue
        if is_code and block.startswith("    "):
            out += ["```text", textwrap.dedent(block).rstrip(), "```", ""]
        else:
            is_code = block.rstrip().endswith("::")
            text = block.rstrip().removesuffix("::").rstrip() + ":" if is_code else block
            out += [_markdown(" ".join(part.strip() for part in text.splitlines())), ""]
    return out


def _section(module: str, name: str) -> list[str]:
    thing = found(module, name)
    lines = [f"### `{name}`", "", f"`{PACKAGE}.{module}`", "", *_summary(thing)]
    rows = list(arguments(thing))
    if rows:
        lines += ["| Argument | Default | Template | |", "|---|---|---|---|"]
        lines += [f"| `{row.name}` | {row.default} | {'yes' if row.is_template else ''} | {row.text} |" for row in rows]
        lines.append("")
    return lines


def _index(parts: Iterable[tuple[str, tuple[tuple[str, str], ...]]]) -> list[str]:
    lines = ["| | |", "|---|---|"]
    for heading, things in parts:
        links = ", ".join(f"[`{name}`](#{name.lower()})" for _, name in things)
        lines.append(f"| {heading} | {links} |")
    return [*lines, ""]


def page() -> str:
    """The whole page as Markdown, with a line end."""
    lines = [_INTRODUCTION, *_index(PARTS.items())]
    for heading, things in PARTS.items():
        lines += [f"## {heading}", ""]
        for module, name in things:
            lines += _section(module, name)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
