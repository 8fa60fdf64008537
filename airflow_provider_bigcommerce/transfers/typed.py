"""The arguments of transfers as a type, for editors and type checkers: what ``bigcommerce_sync`` passes on to each task.

Nothing is checked by it at run time; ``tests/house/test_typed_arguments.py`` checks it against the operators' signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Required, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from airflow_provider_bigcommerce.core.catalog.names import ResourceName
    from airflow_provider_bigcommerce.core.messages import Query
    from airflow_provider_bigcommerce.core.positions import ParentId
    from airflow_provider_bigcommerce.engine.selection import Mode
    from airflow_provider_bigcommerce.targets.files.writers import Compression, FileFormat
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


class AnyTaskArguments(TaskArguments, total=False):
    """What Airflow takes for a task besides, and a sync decides or has no use for."""

    task_id: Required[str]
    allow_nested_operators: bool
    dag: Any
    default_args: dict[str, Any]
    do_xcom_push: bool
    doc: str
    doc_json: str
    doc_rst: str
    doc_yaml: str
    email_on_failure: bool
    email_on_retry: bool
    ignore_first_depends_on_past: bool
    logger_name: str
    multiple_outputs: bool
    post_execute: Any
    pre_execute: Any
    render_template_as_native_obj: bool
    resources: dict[str, Any]
    sla: timedelta
    task_display_name: str
    task_group: Any
    wait_for_past_depends_before_skipping: bool


class OperatorArguments(AnyTaskArguments, total=False):
    """What every transfer's operator takes in addition to its own; see ``BigCommerceTransferOperator``. None stands for "not given"."""

    resource: Required[ResourceName | str]
    accept_incomplete: bool
    bigcommerce_conn_id: str
    channel_id: int | str | None
    deleted: Sequence[int | str] | None
    deletes: Deletes
    emit_empty: bool
    exclude_fields: Sequence[str] | None
    fields: Sequence[str] | None
    full_every: timedelta | None
    ids: Sequence[int | str] | None
    include: str | Sequence[str] | None
    initial_since: str | datetime | None
    live: bool
    max_deleted_percent: float
    mode: Mode
    overlap: timedelta
    parent_ids: Sequence[ParentId] | None
    parent_query: Query | None
    parents_from: str | None
    query: Query | None
    quota_share: float | None
    settle: timedelta | None
    since: str | datetime | None
    until: str | datetime | None


class TransferArguments(TaskArguments, total=False):
    """What ``bigcommerce_sync`` passes on to every transfer; see ``BigCommerceTransferOperator``."""

    accept_incomplete: bool
    channel_id: int | str
    checkpoint_every: timedelta
    compression: Compression | None
    deletes: Deletes
    emit_empty: bool
    exclude_fields: Sequence[str]
    fields: Sequence[str]
    file_format: FileFormat
    hand_back_after: timedelta | None
    include: str | Sequence[str]
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
    """What one resource of a sync may have for itself."""

    full_every: timedelta | None
    initial_since: str | datetime | None
    path: str
    table: str
