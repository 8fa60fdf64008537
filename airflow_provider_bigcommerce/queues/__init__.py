"""Queues that webhooks wait in, where BigCommerce cannot reach Airflow."""
