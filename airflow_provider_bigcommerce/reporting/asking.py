"""Sends one read for the report and says what became of it; remembers of all answers what their headers tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.hosts import Host, host_of
from airflow_provider_bigcommerce.core.id_ranges import count_of
from airflow_provider_bigcommerce.core.messages import Query, Request, Response
from airflow_provider_bigcommerce.core.observing import rate_headers, reset_of
from airflow_provider_bigcommerce.core.reading import Listing, read_listing
from airflow_provider_bigcommerce.core.report_format import Asked, Why
from airflow_provider_bigcommerce.exceptions import (
    ApiError,
    AuthenticationError,
    BigCommerceError,
    CredentialsError,
    PermissionDeniedError,
    StoreSuspendedError,
    TransportError,
)

#: Requests of a host that fail one after the other for no reason of their own (no answer, 429, 5xx), after which it is left alone: each may
#: have waited for minutes.
MOST_FAILURES: Final = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request.

    :param asked: in the report's words.
    :param status: where an answer came; None where none did.
    :param response: the answer, where it was no error.
    :param title: the error's own title, to check it against what the catalog knows; never for the report.
    """

    asked: Asked
    status: int | None = None
    why: Why | None = None
    response: Response | None = field(default=None, repr=False)
    title: str = field(default="", repr=False)

    @property
    def is_answered(self) -> bool:
        """Whether an answer came that was no error."""
        return self.asked == "answered"


@dataclass(slots=True)
class Asker:
    """One store, asked by GET alone.

    :param store: an open store.
    :attr resets: values of the header about the window's end, as they came.
    :attr rate_headers: host's name -> headers of the quota that its answers had.
    :attr on_204: the headers of the quota that an answer without a body had; None where there was no such answer.
    """

    store: BlockingStore
    resets: list[int] = field(default_factory=list)
    rate_headers: dict[str, set[str]] = field(default_factory=dict)
    on_204: set[str] | None = None
    _silent: set[str] = field(default_factory=set)
    _has_answered: set[str] = field(default_factory=set)
    _failures: dict[str, int] = field(default_factory=dict)

    def ask(self, path: str, params: Query | None = None) -> Outcome:
        """Send a GET.

        :param path: with its ids filled in.
        :raises AuthenticationError: the token is no token of this store.
        :raises StoreSuspendedError: nothing can be read now.
        :raises TransportError: the store's own host gave no answer, and never has.
        """
        host = host_of(path)
        if host.name in self._silent:
            return Outcome("not_asked", why="host_not_reached")
        outcome = self._sent(host, path, params)
        is_down = outcome.asked == "failed" and (outcome.status is None or outcome.status == 429 or outcome.status >= 500)
        self._failures[host.name] = self._failures.get(host.name, 0) + 1 if is_down else 0
        if self._failures[host.name] >= MOST_FAILURES:
            self._silent.add(host.name)
        return outcome

    def _sent(self, host: Host, path: str, params: Query | None) -> Outcome:
        try:
            response = self.store.request("GET", path, params=params)
        except (AuthenticationError, StoreSuspendedError):
            if not host.is_optional:
                raise
            return self._gave_nothing(host)
        except PermissionDeniedError as error:
            self._has_answered.add(host.name)
            return Outcome("refused_for_scope", error.status, title=error.title or "")
        except ApiError as error:
            self._has_answered.add(host.name)
            return Outcome("failed", error.status, title=error.title or "")
        except (CredentialsError, TransportError):
            if host.name in self._has_answered:
                return Outcome("failed")
            if not host.is_optional:
                raise
            return self._gave_nothing(host)
        except BigCommerceError:  # a wait that is too long, an answer that is too large, a redirect that is not followed
            return Outcome("failed")
        self._has_answered.add(host.name)
        self._note(host, response)
        return Outcome("answered", response.status, response=response)

    def _gave_nothing(self, host: Host) -> Outcome:
        self._silent.add(host.name)
        return Outcome("failed")

    def _note(self, host: Host, response: Response) -> None:
        found = rate_headers(response.headers)
        if response.status == 204:
            self.on_204 = {*found} if self.on_204 is None else self.on_204 & {*found}
        else:
            self.rate_headers.setdefault(host.name, set()).update(found)
        reset = reset_of(response)
        if reset is not None:
            self.resets.append(reset)

    def list(self, row: Resource, path: str, params: Query | None = None) -> tuple[Outcome, Listing | None]:
        """Ask for a list, or for a singleton as a list of one.

        :returns: what became of it, and the page where it is one.
        """
        outcome = self.ask(path, params)
        if outcome.title and row.no_rows_title and row.no_rows_title in outcome.title:
            return Outcome("answered", outcome.status), None
        if outcome.response is None:
            return outcome, None
        is_list = row.kind in ("collection", "lookup")
        request = Request.get(path, params)
        try:
            return outcome, read_listing(request, outcome.response, envelope=row.envelope, may_be_204=True, is_list=is_list)
        except PermissionDeniedError as error:  # B2B Edition's body may say it of an answer with status 200
            return Outcome("refused_for_scope", error.status), None
        except ApiError as error:
            return Outcome("failed", error.status), None
        except (BigCommerceError, msgspec.DecodeError):
            return Outcome("failed", outcome.status), None

    def number(self, path: str, params: Query | None = None) -> tuple[Outcome, int | None]:
        """Ask an endpoint that counts.

        :returns: what became of it, and the number where the answer has one.
        """
        outcome = self.ask(path, params)
        if outcome.response is None:
            return outcome, None
        request = Request.get(path, params)
        try:
            return outcome, count_of(request, read_listing(request, outcome.response, envelope="bare", is_list=False))
        except (BigCommerceError, msgspec.DecodeError):
            return Outcome("failed", outcome.status), None


def with_params(params: Mapping[str, object], **more: object) -> dict[str, str]:
    """A query with more parameters, all as text."""
    return {name: str(value) for name, value in {**params, **more}.items()}
