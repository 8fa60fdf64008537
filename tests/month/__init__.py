"""A month of a store and of its nightly copy, hour by hour: the store's life, the tasks as Airflow runs them, and the comparison."""
