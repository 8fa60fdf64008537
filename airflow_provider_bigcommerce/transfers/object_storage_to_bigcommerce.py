"""The transfer from files into a store: arguments in, outcomes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, one_of, optional
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.transfers.write_back import ToBigCommerceOperator
from airflow_provider_bigcommerce.writing.input_files import FILE_FORMATS, InputFiles, Kind

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.writing.plan import Input


class ObjectStorageToBigCommerceOperator(ToBigCommerceOperator):
    """Write the rows of files into a store, planned and accounted for row by row, in one task that asks nobody.

    ::

        ObjectStorageToBigCommerceOperator(
            task_id="prices", resource="products", operation="update", match_on="sku", path="/data/in/prices-*.csv",
            report_path="/data/reports", max_value_change_percent={"price": 30},
        )

    The other parameters are those of :class:`ToBigCommerceOperator`. XCom has ``manifest`` (the outcomes' URI), ``plan``, ``digest``,
    ``rows``, ``counts`` by outcome and ``summary``. Where a person is to look first: ``BigCommercePlanOperator``.

    :param path: files: Parquet, JSON lines or CSV, by a path or a glob. (templated)
    :param file_format: ``parquet``, ``jsonl`` or ``csv``, for files whose names do not end so.
    """

    _own_checks: ClassVar[Checks] = {"path": place("/data/in/prices-*.csv"), "file_format": optional(one_of(FILE_FORMATS))}
    argument_checks: ClassVar[Checks] = {**ToBigCommerceOperator.argument_checks, **_own_checks}
    custom_operator_name = "Files to BigCommerce"
    template_fields: Sequence[str] = (*ToBigCommerceOperator.template_fields, "path")

    @shows_your_line
    def __init__(self, *, path: str, file_format: Kind | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.file_format = file_format
        check_arguments(self, self._own_checks)

    def source(self) -> Input:
        """The files."""
        return InputFiles(self.path, self.file_format)
