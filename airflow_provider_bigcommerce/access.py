"""What a token may read, asked of the store: one light request for each permission, not for each resource.

Decides which request to ask by; scopes and paths are the catalog's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.planning import filled
from airflow_provider_bigcommerce.exceptions import (
    ApiError,
    AuthenticationError,
    CredentialsError,
    NotFoundError,
    PermissionDeniedError,
    StoreSuspendedError,
    TransportError,
    ValidationError,
)

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.blocking import BlockingStore
    from airflow_provider_bigcommerce.core.messages import Response


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission of a token.

    :param scopes: OAuth scopes of which one is enough; empty where any token will do.
    :param resources: the catalog's rows that it opens.
    :param asked: path of the request that was asked.
    :param is_given: whether the token has it; None where the answer does not tell.
    :param note: why not, where that is more than a missing scope.
    """

    scopes: tuple[str, ...]
    resources: tuple[Resource, ...]
    asked: str
    is_given: bool | None
    note: str = ""

    @property
    def is_worth_a_try(self) -> bool:
        """Whether a copy of all that can be read has these: what is unclear is read, and its own task says what is wrong, but not what
        there are stores without.
        """
        return self.is_given is True or (self.is_given is None and not self.resources[0].host.is_optional)


def permissions(store: BlockingStore, *, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> Iterator[Permission]:
    """Each permission to read, by the names of its scopes.

    :param seconds: after which nothing more is asked, and what is left is not told; None for no end.
    :param clock: what measures them.
    :raises AuthenticationError: the token is no token of this store.
    :raises StoreSuspendedError: nothing can be read now.
    :raises TransportError: the store does not answer.
    """
    families: dict[tuple[str, ...], list[Resource]] = {}
    for row in CATALOG.values():
        families.setdefault(row.read_scopes, []).append(row)
    probes = {scopes: min(members, key=_weight) for scopes, members in families.items()}
    found: dict[tuple[str, ...], bool | None] = {}
    notes: dict[tuple[str, ...], str] = {}
    began = clock()
    for scopes, probe in sorted(probes.items(), key=lambda each: (bool(each[1].placeholders), each[0])):
        is_late = seconds is not None and clock() - began > seconds
        try:
            found[scopes] = None if is_late else _probe(store, probe, is_there=True in found.values())
        except (CredentialsError, TransportError) as error:
            if not probe.host.is_optional:
                raise
            found[scopes], notes[scopes] = (False if isinstance(error, CredentialsError) else None), str(error)
        if found[scopes] is False and probe.host.is_optional:
            notes.setdefault(scopes, f"The store has no {probe.host.title}, or the access token lacks its scope.")
    for scopes, members in sorted(families.items()):
        yield Permission(scopes, tuple(members), probes[scopes].path, found[scopes], notes.get(scopes, ""))


def _weight(row: Resource) -> tuple[object, ...]:
    """Sorts the row that one request without ids and parameters reads before those that need some."""
    return bool(row.placeholders), bool(row.required_params or row.required_any), row.deprecated, row.kind != "singleton", row.api_version


def _probe(store: BlockingStore, row: Resource, *, is_there: bool) -> bool | None:
    """Whether the token may read a row's list; None where the answer does not tell.

    A 403 is the missing scope. BigCommerce's own complaint about parameters means that the token was let through, and suffices. A 404
    is no permission: a store that does not exist answers so to everything. Only below a record that is made up, of a store that has
    answered something else, it is that record that is missing. Nor is what is not JSON: a page of what is in between.

    :param is_there: whether the store has answered something else.
    """
    path = filled(row.path, dict.fromkeys(row.placeholders, 1))
    try:
        answer = store.request("GET", path, params={"limit": 1} if row.kind == "collection" and row.page_size else None)
    except PermissionDeniedError:
        return False
    except ValidationError as error:
        return True if error.status in (400, 422) and (error.title or error.errors) else None
    except NotFoundError as error:
        return True if row.placeholders and is_there and error.title else None
    except (AuthenticationError, StoreSuspendedError):
        raise
    except ApiError:
        return None
    return True if answer.status == 204 or _is_json(answer) else None


def _is_json(answer: Response) -> bool:
    try:
        return isinstance(answer.json(), dict | list)
    except msgspec.DecodeError:
        return False
