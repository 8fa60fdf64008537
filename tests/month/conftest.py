"""The databases that tests/sql fills."""

from tests.sql.conftest import warehouse  # noqa: F401  # a fixture, asked for by name
