"""What a token may read, asked of the store: one light request for each permission, not for each resource.

Decides which request to ask by; scopes and paths are the catalog's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.planning import filled
from airflow_provider_bigcommerce.exceptions import (
    ApiError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    StoreSuspendedError,
    ValidationError,
)

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.blocking import BlockingStore


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission of a token.

    :param scopes: OAuth scopes of which one is enough; empty where any token will do.
    :param resources: the catalog's rows that it opens.
    :param asked: path of the request that was asked.
    :param is_given: whether the token has it; None where the answer does not tell.
    """

    scopes: tuple[str, ...]
    resources: tuple[Resource, ...]
    asked: str
    is_given: bool | None


def permissions(store: BlockingStore) -> Iterator[Permission]:
    """Each permission to read, by the names of its scopes.

    :raises AuthenticationError: the token is no token of this store.
    :raises StoreSuspendedError: nothing can be read now.
    """
    families: dict[tuple[str, ...], list[Resource]] = {}
    for row in CATALOG.values():
        families.setdefault(row.read_scopes, []).append(row)
    for scopes, members in sorted(families.items()):
        probe = min(members, key=_weight)
        yield Permission(scopes, tuple(members), probe.path, _probe(store, probe))


def _weight(row: Resource) -> tuple[object, ...]:
    """Sorts the row that one request without ids and parameters reads before those that need some."""
    return bool(row.placeholders), bool(row.required_params or row.required_any), row.deprecated, row.kind != "singleton", row.api_version


def _probe(store: BlockingStore, row: Resource) -> bool | None:
    """Whether the token may read a row's list; None where the answer does not tell.

    A 403 is the missing scope. A 404 or a complaint about parameters means that the token was let through, and suffices.
    """
    path = filled(row.path, dict.fromkeys(row.placeholders, 1))
    try:
        store.request("GET", path, params={"limit": 1} if row.kind == "collection" and row.page_size else None)
    except PermissionDeniedError:
        return False
    except (NotFoundError, ValidationError):
        return True
    except (AuthenticationError, StoreSuspendedError):
        raise
    except ApiError:
        return None
    return True
