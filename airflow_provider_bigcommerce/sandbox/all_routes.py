"""All routes of the sandbox, put together."""

from __future__ import annotations

from airflow_provider_bigcommerce.sandbox import documented_routes, main_routes
from airflow_provider_bigcommerce.sandbox.routes import Router


def build_router() -> Router:
    """Make the router of a store."""
    router = Router()
    main_routes.add_catalog(router)
    main_routes.add_customers(router)
    main_routes.add_orders(router)
    main_routes.add_store(router)
    documented_routes.add_kinds(router)
    documented_routes.add_singletons(router)
    return router
