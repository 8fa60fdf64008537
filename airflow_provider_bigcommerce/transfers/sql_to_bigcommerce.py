"""The transfer from a database into a store: arguments in, outcomes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, text
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.transfers.write_back import ToBigCommerceOperator
from airflow_provider_bigcommerce.writing.input_arguments import refuse_absent
from airflow_provider_bigcommerce.writing.input_query import InputQuery

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.writing.plan import Input


class SqlToBigCommerceOperator(ToBigCommerceOperator):
    """Write the rows of a query into a store, planned and accounted for row by row, in one task that asks nobody.

    ::

        SqlToBigCommerceOperator(
            task_id="prices", resource="products", operation="update", match_on="sku", conn_id="erp",
            sql="SELECT sku, price FROM prices", report_path="/data/reports",
        )

    The other parameters are those of :class:`ToBigCommerceOperator`. XCom has ``manifest`` (the outcomes' URI), ``plan``, ``digest``,
    ``rows``, ``counts`` by outcome and ``summary``. Where a person is to look first: ``BigCommercePlanOperator``.

    :param conn_id: connection of a database. (templated)
    :param sql: its query, whose columns are the rows' columns. (templated)
    """

    _own_checks: ClassVar[Checks] = {"conn_id": text("erp"), "sql": text("SELECT sku, price FROM prices")}
    argument_checks: ClassVar[Checks] = {**ToBigCommerceOperator.argument_checks, **_own_checks}
    absent: ClassVar[Mapping[str, str]] = {"file_format": "a query has no files"}
    custom_operator_name = "A table to BigCommerce"
    template_fields: Sequence[str] = (*ToBigCommerceOperator.template_fields, "conn_id", "sql")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {**ToBigCommerceOperator.template_fields_renderers, "sql": "sql"}  # noqa: RUF012

    @shows_your_line
    def __init__(self, *, conn_id: str, sql: str, **kwargs: Any) -> None:
        refuse_absent(self, self.absent, kwargs)
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.sql = sql
        check_arguments(self, self._own_checks)

    def source(self) -> Input:
        """The query."""
        return InputQuery(self.conn_id, self.sql)
