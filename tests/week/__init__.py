"""A week of a store whose changes arrive by webhooks, while some are lost, servers are killed and Airflow is out of reach for an hour."""
