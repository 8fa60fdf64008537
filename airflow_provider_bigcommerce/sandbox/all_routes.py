"""All routes of the sandbox, put together."""

from __future__ import annotations

from airflow_provider_bigcommerce.sandbox import archive_routes, documented_routes, graphql, main_routes, order_parts, other_routes
from airflow_provider_bigcommerce.sandbox.routes import Router


def build_router() -> Router:
    """Make the router of a store."""
    router = Router()
    main_routes.add_catalog(router)
    main_routes.add_customers(router)
    main_routes.add_orders(router)
    main_routes.add_store(router)
    order_parts.add(router)
    other_routes.add(router)
    documented_routes.add_kinds(router)
    documented_routes.add_lookups(router)
    documented_routes.add_singletons(router)
    archive_routes.add(router)
    router.add("/graphql", post=graphql.answer)
    return router
