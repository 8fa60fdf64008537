"""Importing this has all imported that a task imports when it first needs it, Airflow's plugins too: 15 times what a short run takes.

For a process that is forked for each of many runs. It starts no thread.
"""

from __future__ import annotations

import airflow.sdk  # noqa: F401
import pyarrow.compute
import pyarrow.json  # noqa: F401

import airflow_provider_bigcommerce.targets.sql.any_database
import airflow_provider_bigcommerce.transfers.to_object_storage
import airflow_provider_bigcommerce.transfers.to_sql  # noqa: F401
from airflow_provider_bigcommerce.compat import hook_lineage

hook_lineage()
