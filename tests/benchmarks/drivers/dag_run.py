"""One DAG run in this process, by ``dag.test()``; imports Airflow only when it is asked to."""

from __future__ import annotations

from typing import Any


def run_once(dag: Any) -> None:
    """Run the DAG.

    :raises RuntimeError: it did not succeed.
    """
    _known_to_airflow(dag)
    state = str(dag.test().state)
    if state != "success":
        raise RuntimeError(f"the DAG run ended as {state}")


def _known_to_airflow(dag: Any) -> None:
    """Write the DAG to the metadata database, as the DAG processor does; the state's keys refer to it."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(DagBundleModel(name="benchmarks"))
        session.flush()
        lazy = LazyDeserializedDAG.from_dag(dag)
        SerializedDAG.bulk_write_to_db("benchmarks", None, [lazy], session=session)
        SerializedDagModel.write_dag(lazy, bundle_name="benchmarks", session=session)
