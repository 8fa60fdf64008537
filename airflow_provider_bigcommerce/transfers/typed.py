"""The arguments of transfers as a type, for editors and type checkers: what ``bigcommerce_sync`` passes on to each task.

Nothing is checked by it at run time; ``tests/house/test_typed_arguments.py`` holds it against the operators' signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from airflow_provider_bigcommerce.core.messages import Query
    from airflow_provider_bigcommerce.core.positions import ParentId
    from airflow_provider_bigcommerce.engine.selection import Mode
    from airflow_provider_bigcommerce.targets.files.writers import FileFormat
    from airflow_provider_bigcommerce.transfers.to_object_storage import Compression
    from airflow_provider_bigcommerce.transfers.transfer import Deletes

    _Callback = Callable[[Any], Any] | Sequence[Callable[[Any], Any]]


class TaskArguments(TypedDict, total=False):
    """What Airflow takes for any task."""

    depends_on_past: bool
    doc_md: str
    email: str | Sequence[str]
    end_date: datetime
    execution_timeout: timedelta
    executor: str
    executor_config: dict[str, Any]
    inlets: Any
    map_index_template: str
    max_active_tis_per_dag: int
    max_active_tis_per_dagrun: int
    max_retry_delay: timedelta | float
    on_execute_callback: _Callback
    on_failure_callback: _Callback
    on_retry_callback: _Callback
    on_skipped_callback: _Callback
    on_success_callback: _Callback
    outlets: Any
    owner: str
    params: Mapping[str, Any]
    pool: str
    pool_slots: int
    priority_weight: int
    queue: str
    retries: int
    retry_delay: timedelta | float
    retry_exponential_backoff: bool | float
    retry_policy: Any
    run_as_user: str
    start_date: datetime
    trigger_rule: str
    wait_for_downstream: bool
    weight_rule: str


class TransferArguments(TaskArguments, total=False):
    """What a transfer takes beside its resource, its connection and its destination; see ``BigCommerceTransferOperator``."""

    accept_incomplete: bool
    channel_id: int | str
    checkpoint_every: timedelta
    compression: Compression | None
    deletes: Deletes
    emit_empty: bool
    exclude_fields: Sequence[str]
    fields: Sequence[str]
    file_format: FileFormat
    full_every: timedelta | None
    hand_back_after: timedelta | None
    include: str | Sequence[str]
    initial_since: str | datetime | None
    max_deleted_percent: float
    max_rows_per_file: int | None
    mode: Mode
    overlap: timedelta
    parent_ids: Sequence[ParentId]
    parent_query: Query
    parents_from: str
    query: Query
    quota_share: float
    since: str | datetime
    stamp: bool
    until: str | datetime


class ResourceArguments(TransferArguments, total=False):
    """What one resource of a sync may have for itself: its place too."""

    path: str
    table: str
