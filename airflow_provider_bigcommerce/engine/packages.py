"""How a task fails where a package is missing: at once and without retries, on every Airflow, with or without a retry policy.

Where the fact is known a plain ``MissingPackageError`` is raised, for programs that are no task; here it becomes one that Airflow does not
retry. Installs nothing and looks for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_bigcommerce.exceptions import MissingPackageError


class FatalMissingPackageError(MissingPackageError, AirflowFailException):
    """The same error, which ends a task without retries."""


@contextmanager
def failing_without_package() -> Iterator[None]:
    """Around what a task does, or as a decorator of its ``execute``.

    :raises FatalMissingPackageError: a package is missing; the message names the extra that brings it.
    """
    try:
        yield
    except MissingPackageError as error:
        raise FatalMissingPackageError(str(error)) from error
