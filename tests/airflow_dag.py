"""DAGs for ``dag.test()``: the examples, and one that no file holds, made known to the metadata database."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any


def example_dags() -> dict[str, Any]:
    """The DAGs of ``dags/`` by id."""
    try:
        dagbag = importlib.import_module("airflow.dag_processing.dagbag")
    except ImportError:  # Airflow 3.1
        dagbag = importlib.import_module("airflow.models.dagbag")
    bag = dagbag.DagBag(str(Path(__file__).resolve().parent.parent / "dags"))
    assert bag.import_errors == {}
    return dict(bag.dags)


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
