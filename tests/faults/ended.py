"""A task process as far as the operating system goes: the operator in the main thread, and SIGTERM answered by ``on_kill``, as by Airflow.

``python -m tests.faults.ended KIND ARGUMENTS [FIRST]``; with arguments of a first run, that is done first, and then the rights of root are
given up for those of ``nobody``: whatever is imported later than that may be out of reach.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import sys

from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator

OPERATORS = {"files": BigCommerceToObjectStorageOperator, "sql": BigCommerceToSqlOperator}


def main() -> None:
    kind, *found = sys.argv[1:]
    arguments, *first = map(json.loads, found)
    if first:
        OPERATORS[kind](task_id="first", **first[0]).execute({})
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    operator = OPERATORS[kind](task_id="variants", **arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: operator.on_kill())
    operator.execute({})


if __name__ == "__main__":
    main()
