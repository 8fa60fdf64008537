"""What a message says of a DAG's arguments, said in the options of a command.

The messages are made where the fact is known, which may be a task; a person at a command line has other words for the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

#: What messages name -> what a person types.
_OPTIONS: Final[Sequence[tuple[re.Pattern[str], str]]] = (
    (re.compile(r"\bquery=\{'(\w+)': (\w+)\}"), r"--query \1=\2"),
    (re.compile(r"\bquery=\{\.\.\.\}"), "--query NAME=VALUE"),
    (re.compile(r"\bquery\['([^']*)'\]"), r"--query \1=..."),
    (re.compile(r"\bGive parent_ids=\[\.\.\.\]"), "Give its path with the id filled in, such as /v2/orders/7/products"),
    (re.compile(r"(?<![\w-])(since|until)='?(\S+?)'?(?=[ ,:.]|$)"), r"--\1 \2"),
    (re.compile(r"^fields takes top-level names, and (.*?) is nested\..*"), r"--fields takes top-level names, and \1 is nested."),
    (re.compile(r"\bfields=(\[[^\]]*\])"), r"--fields \1"),
)


def in_options(message: str) -> str:
    """The message with the command's own options instead of arguments."""
    for pattern, option in _OPTIONS:
        message = pattern.sub(option, message)
    return message
