"""BigCommerce for Apache Airflow: connection, hook, operators and example DAGs."""

__version__ = "0.1.0"
