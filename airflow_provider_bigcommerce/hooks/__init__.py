"""Airflow connections as BigCommerce stores."""
