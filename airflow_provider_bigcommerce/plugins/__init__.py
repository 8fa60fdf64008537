"""What runs inside Airflow's API server: the receiver of webhooks."""
