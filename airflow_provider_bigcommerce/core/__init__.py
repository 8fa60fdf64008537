"""Decisions about BigCommerce's API as pure functions: no I/O, no clock, no Airflow."""
