"""`make demo`: the whole job at work on one machine, against a store of our own, with every claim checked.

``python -m tests.demo`` is its program; it may use the project only as a user does: the command line, the DAGs, Airflow's REST API.
"""
