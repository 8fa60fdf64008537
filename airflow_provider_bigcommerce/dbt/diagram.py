"""How the tables are related, as an entity-relationship diagram in Mermaid."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_bigcommerce.dbt.copied_tables import POINTERS, Described

#: Columns that an entity shows in addition to its keys.
_SHOWN = 6


def diagram(tables: Sequence[Described]) -> str:
    """The text of the diagram: an entity for each table, a line for each pointer between two of them, one for each child table."""
    known = {each.resource.name: each for each in tables}
    lines = ["erDiagram"]
    for (resource, column), (other, _) in POINTERS.items():
        if resource in known and other in known:
            lines.append(f'    {other} ||--o{{ {resource} : "{column}"')
    for each in tables:
        lines += [f'    {each.resource.name} ||--o{{ {_entity(child.name)} : "has"' for child in each.layout.tables[1:]]
    for each in tables:
        lines += _block(each)
    return "\n".join(lines) + "\n"


def _block(each: Described) -> list[str]:
    names, main = each.staged_columns, each.layout.main
    pointers = {column for resource, column in POINTERS if resource == each.resource.name}
    keys = [column for column in names if column in main.key]
    foreign = [column for column in names if names[column] in pointers and column not in keys]
    rest = [column for column in names if column not in keys and column not in foreign and main.kinds[column] != "json"][:_SHOWN]
    lines = [f"    {_entity(each.resource.name)} {{"]
    for column in [*keys, *foreign, *rest]:
        marks = [mark for mark, has in (("PK", column in keys), ("FK", names[column] in pointers)) if has]
        lines.append(f"        {main.kinds[column]} {names[column]} {', '.join(marks)}".rstrip())
    return [*lines, "    }"]


def _entity(name: str) -> str:
    """A name that Mermaid takes without quotation marks."""
    return "".join(character if character.isalnum() or character == "_" else "_" for character in name)
