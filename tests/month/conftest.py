"""The databases that tests/sql fills."""

from tests.sql.conftest import postgres_server, warehouse  # noqa: F401  # fixtures, asked for by name
