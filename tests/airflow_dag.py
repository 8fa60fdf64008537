"""A DAG that no file holds, made known to the metadata database, so that ``dag.test()`` can run it."""

from __future__ import annotations

from typing import Any


def known_to_airflow(dag: Any) -> Any:
    """Write the DAG as the DAG processor does."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    try:
        from airflow.serialization.definitions.dag import SerializedDAG
    except ImportError:  # Airflow 3.1
        from airflow.serialization.serialized_objects import SerializedDAG

    with create_session() as session:
        session.merge(DagBundleModel(name="testing"))
        session.flush()
        lazy = LazyDeserializedDAG.from_dag(dag)
        SerializedDAG.bulk_write_to_db("testing", None, [lazy], session=session)
        SerializedDagModel.write_dag(lazy, bundle_name="testing", session=session)
    return dag
