"""Admin GraphQL in a task: a query or mutation whose answer is small, or a whole connection written as files like any resource.

Decides which of the two. Walking, errors and repetition are the client's; what a file, a run and a commit are, the transfer's.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.compat import is_task, try_number
from airflow_provider_bigcommerce.core.arguments import (
    Checks,
    check_arguments,
    check_rendered,
    integer,
    is_pending,
    mapping,
    names,
    one_of,
    optional,
    text,
)
from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.connection_walk import ConnectionWalk
from airflow_provider_bigcommerce.core.graphql import GRAPHQL_PATH
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.windows import Window, written
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.copying import Copied, Copy, columns_of, drift_of
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.manifest import Manifest, ManifestWindow, run_key, task_key
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.engine.progress import Progress
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.engine.stoppable import StoppableReading
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, UnclearWriteError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.targets.files.beginning import begin, discard_unfinished
from airflow_provider_bigcommerce.targets.files.commits import begin_try, commit, run_folder
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.part_writer import PartWriter
from airflow_provider_bigcommerce.targets.files.writers import FileFormat, Stamp

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.settings import ReadStats
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore, Page

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class BigCommerceGraphQLOperator(BaseOperator):
    """Run an Admin GraphQL query or mutation; with ``path``, write the nodes of its connection as files.

    ::

        BigCommerceGraphQLOperator(task_id="store_id", query="query { store { id } }")
        BigCommerceGraphQLOperator(
            task_id="nodes", path="s3://aws_default@my-bucket/bigcommerce", name="product_nodes", query='''
                query ($after: String) { store { products(first: 50, after: $after) {
                    pageInfo { hasNextPage endCursor } edges { node { id name } } } } }''',
        )

    Without ``path`` it returns the answer's ``data`` through XCom, which is Airflow's database: keep it small, and customers' data out.
    With ``path`` it returns the manifest; files and manifests have the layout of ``BigCommerceToObjectStorageOperator``, and each run
    reads all nodes. Nodes have no known schema, so use JSON lines: a Parquet file has columns for the key only, and everything else as
    JSON in ``_extra``.

    A query is repeated after an outage; a mutation that may have been carried out never is. Errors in the answer fail the task.

    :param query: the query or mutation. (templated)
    :param variables: its variables. (templated)
    :param path: directory, as in ``BigCommerceToObjectStorageOperator``; None returns the data. (templated)
    :param name: what the nodes are called in files and manifests, such as ``product_translations``; required with ``path``. (templated)
    :param connection: dotted path of the connection in the answer, if the query has several: ``store.products``.
    :param cursor_variable: the query's variable for the connection's ``after``, without ``$``.
    :param primary_key: fields that identify a node, dots for nested ones; a node that comes twice is written once. ``()`` for none.
    :param file_format: ``jsonl``, ``jsonl.gz``, ``jsonl.zst`` or ``parquet``.
    :param max_rows_per_file: nodes after which a new file begins, or None for one file.
    :param bigcommerce_conn_id: connection id. (templated)
    """

    argument_checks: ClassVar[Checks] = {
        "query": text("query { store { id } }"),
        "variables": optional(mapping("{'id': 7}")),
        "path": optional(place("/data/bigcommerce")),
        "name": optional(text("product_translations")),
        "connection": optional(text("store.products")),
        "cursor_variable": text("after"),
        "primary_key": names("['id']"),
        "file_format": one_of(("jsonl", "jsonl.gz", "jsonl.zst", "parquet")),
        "max_rows_per_file": optional(integer(1)),
        "bigcommerce_conn_id": text("bigcommerce_default"),
    }
    custom_operator_name = "BigCommerce GraphQL"
    template_fields: Sequence[str] = ("query", "variables", "path", "name", "bigcommerce_conn_id")
    template_fields_renderers = {"variables": "json"}  # noqa: RUF012  # Airflow's own declaration
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        query: str,
        variables: Mapping[str, Any] | None = None,
        path: str | None = None,
        name: str | None = None,
        connection: str | None = None,
        cursor_variable: str = "after",
        primary_key: Sequence[str] = ("id",),
        file_format: FileFormat = "jsonl",
        max_rows_per_file: int | None = 500_000,
        bigcommerce_conn_id: str = "bigcommerce_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.query = query
        self.variables = variables
        self.path = path
        self.name = name
        self.connection = connection
        self.cursor_variable = cursor_variable
        self.primary_key = primary_key
        self.file_format = file_format
        self.max_rows_per_file = max_rows_per_file
        self.bigcommerce_conn_id = bigcommerce_conn_id
        check_arguments(self, self.argument_checks)
        if path is not None and not is_pending([query, name]):
            self._check()  # so that a mistake shows where the DAG is parsed
        self._reading: StoppableReading | None = None

    @tells_why_it_fails
    @failing_without_package()
    def execute(self, context: Any) -> Any:
        """Run it.

        :returns: the answer's data, or the manifest.
        :raises GraphQLError: errors in the answer.
        :raises AirflowFailException: a mutation that may have been carried out brought no clear answer.
        """
        check_rendered(self, self.argument_checks)
        self._reading = StoppableReading()
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        if self.path is not None:
            self._check()
            return self._copy(context, Destination.at(str(self.path)), self._reading)

        async def ask() -> tuple[dict[str, Any], int | None]:
            async with hook.astore() as store:
                return await store.graphql(self.query, self.variables), store.stats.graphql_complexity

        try:
            data, complexity = self._reading.run(ask)
        except UnclearWriteError as error:
            raise AirflowFailException(str(error)) from error  # a retry of the task would send the mutation again
        if complexity is not None:
            self.log.info("The query's complexity was %d of 10,000.", complexity)
        return data

    def on_kill(self) -> None:
        """Stop: requests under way are dropped, the session closes, and the unfinished file goes."""
        if self._reading is not None:
            self._reading.stop()

    def _check(self) -> None:
        ConnectionWalk(self.query, self.variables, cursor_variable=self.cursor_variable, connection=self.connection)
        accepted = "Accepted: lower-case letters, digits and _, such as 'product_translations'."
        if not self.name or not _NAME.fullmatch(self.name):
            raise InvalidQueryError(f"name={self.name!r} does not name the files of a connection's nodes. {accepted}")
        if self.name in CATALOG:
            raise InvalidQueryError(f"name={self.name!r} is the name of a resource, whose files these nodes would mix with. Take another.")

    def _selection(self) -> Selection:
        """All nodes, in the form in which the transfer is told what to read."""
        asked = msgspec.json.encode([self.query, self.variables], order="deterministic")
        row = Resource(name=str(self.name), area="", path=GRAPHQL_PATH, primary_key=tuple(self.primary_key), paging="single")
        return Selection(
            resource=row,
            mode="full",
            query={"graphql_sha256": hashlib.sha256(asked).hexdigest()},  # the manifest shows it; a query's literals may be personal
            include=(),
            since=None,
            until=None,
            initial_since=None,
            overlap=timedelta(0),
        )

    def _copy(self, context: Mapping[str, Any], destination: Destination, reading: StoppableReading) -> dict[str, Any]:
        """Data, then the manifest, which is the commit."""
        started_at, selection = datetime.now(UTC), self._selection()
        folder, row = selection.folder, selection.resource
        dag_id, run_id, task_id, index = "no_dag", f"{started_at:%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:6]}", self.task_id, -1
        if is_task(context):
            ti = context["ti"]
            dag_id, run_id, task_id, index = ti.dag_id, ti.run_id, ti.task_id, ti.map_index
        key = run_key(dag_id, run_id, task_id, index)
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        store_hash = hook.credentials().store_hash
        found, _ = begin(destination, folder, task_key(dag_id, task_id), store_hash=None)
        begun = begin_try(destination, folder, key, number=try_number(context), found=found)
        this = begun.this
        discard_unfinished(destination, run_folder(folder, key))
        discrepancies, progress = Discrepancies(), Progress(row.name)
        writer = PartWriter(
            destination,
            run_folder(folder, key),
            self.file_format,
            columns_of(row),
            stamp=Stamp(started_at, store_hash) if self.file_format == "parquet" else None,
            mark=this.mark,
            max_rows=self.max_rows_per_file,
            discrepancies=discrepancies,
        )
        copy = Copy(selection, Window(), writer, before=None, progress=progress, tell=self.log.info)

        async def read() -> tuple[Copied, ReadStats, datetime]:
            async with hook.astore() as store:
                nodes = _Nodes(store, self.query, self.variables, self.cursor_variable, self.connection)
                return await copy.run(cast("BigCommerceStore", nodes)), store.stats, await store.began()

        copied, stats, read_at = reading.run(read)
        reading.check()
        manifest = Manifest(
            resource=row.name,
            store_hash=store_hash,
            mode="full",
            query=copied.query,
            window=ManifestWindow(since=None, until=None),
            watermark=None,
            files=tuple(copied.files),
            rows=copied.rows,
            duplicates_dropped=copied.repeated,
            drift=drift_of(discrepancies) if self.file_format != "parquet" else (),  # without a schema, everything would be drift
            requests=stats.requests,
            throttled=stats.throttled,
            seconds=round(progress.seconds, 3),
            started_at=started_at.isoformat(timespec="milliseconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            provider_version=__version__,
            complete=True,
            checked=(),
            read_at=written(read_at),
            attempt=this.number,
        )
        manifest = commit(
            destination, folder, key, manifest, begun.replaced, mark=this.mark, left=begun.left, known=begun.found, is_numbered=False
        )
        self.log.info("Wrote %d nodes of %s in %d files, with %d requests.", copied.rows, row.name, len(copied.files), stats.requests)
        return manifest.as_json()


class _Nodes:
    """A connection as a copy sees a store: its pages, and what it has done."""

    @shows_your_line
    def __init__(
        self, store: BigCommerceStore, query: str, variables: Mapping[str, Any] | None, cursor_variable: str, connection: str | None
    ) -> None:
        self._store = store
        self._query, self._variables = query, variables
        self._cursor_variable, self._connection = cursor_variable, connection

    @property
    def stats(self) -> ReadStats:
        """The store's."""
        return self._store.stats

    def pages(self, name: str, **_selection: object) -> AsyncGenerator[Page, None]:  # noqa: ARG002  # asked for by a resource's name
        """The connection's pages."""
        return self._store.graphql_pages(self._query, self._variables, cursor_variable=self._cursor_variable, connection=self._connection)
