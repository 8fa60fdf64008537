"""Webhooks as code: look at what a store has, try the way, make it what was asked for, and tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import requests

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.core.subscriptions import Plan, checked_destination, is_ours, plan, wanted_scopes
from airflow_provider_bigcommerce.core.webhooks import SECRET_HEADER, Secrets, probe_event, signed
from airflow_provider_bigcommerce.engine.webhook_settings import destination_of, read_settings
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

#: Seconds for which the answer to our own event is waited for.
_PROBE_TIMEOUT: Final = 20.0


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of the events that we sent ourselves.

    :param status: the answer to a right one.
    :param checks_secret: whether a wrong one was refused: if not, what answers there is not our receiver.
    """

    status: int
    checks_secret: bool


def post(destination: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send to an address as BigCommerce does; the status of the answer. A redirect is an answer, and is not followed.

    :raises BigCommerceError: no answer came.
    """
    try:
        answer = requests.post(
            destination, data=body, headers={"Content-Type": "application/json", **headers}, timeout=_PROBE_TIMEOUT, allow_redirects=False
        )
    except requests.RequestException as error:
        raise BigCommerceError(
            f"The address {destination} cannot be reached from here ({type(error).__name__}), so no webhook was made. See that its name, "
            "certificate and proxy are right, and that it leads to Airflow's API server."
        ) from None
    return answer.status_code


def probe(destination: str, secrets: Secrets, *, clock: Callable[[], float] = time.time) -> Probed:
    """Send a test event through the public address, and one with a wrong secret, which must be refused.

    :raises BigCommerceError: the address cannot be reached, or does not take the event.
    """
    now = clock()
    body = probe_event(secrets.store_hash, now)
    status = post(destination, body, signed(body, secrets, f"msg_airflow_{int(now)}", now))
    if not 200 <= status < 300:
        why = _WHY.get(status, _ELSE)
        raise BigCommerceError(f"The address {destination} answered {status} to an event of our own; no webhook was made. {why}")
    wrong = Secrets(secrets.store_hash, "another token")
    return Probed(status, post(destination, body, signed(body, wrong, "msg_airflow_wrong", now)) == 401)


_ELSE: Final = "A receiver answers 200. See the log of whatever answers there."
_WHY: Final[Mapping[int, str]] = {
    301: "It redirects; name the address that it redirects to.",
    302: "It redirects, perhaps to a login page: the path must be reachable without one.",
    307: "It redirects; name the address that it redirects to.",
    308: "It redirects; name the address that it redirects to.",
    401: (
        "Either the connection is not in the API server's [bigcommerce] webhook_connections, or its token or client secret there is "
        "another one than here, or something before it asks for a login."
    ),
    403: "Something before Airflow refuses it: a proxy or firewall must let POST through to this path.",
    404: "Nothing is there: [bigcommerce] webhook_connections must be set for the API server, which reads it when it starts.",
    405: "The path is there, but takes no POST.",
    413: "Something refuses a body of 200 bytes.",
    503: "The receiver could not read the connection; see the API server's log.",
}


class Subscribing:
    """The webhooks of one connection's API account.

    :param hook: the connection.
    :param destination: where they go; None makes it of ``[bigcommerce] webhook_base_url``.
    """

    def __init__(self, hook: BigCommerceHook, destination: str | None = None) -> None:
        self._hook = hook
        base_url = "" if destination is not None else read_settings().base_url
        if base_url:
            destination = destination_of(base_url, hook.bigcommerce_conn_id)
        self._destination = None if destination is None else checked_destination("destination", destination)

    @property
    def destination(self) -> str:
        """Where webhooks go.

        :raises InvalidQueryError: nobody said.
        """
        if self._destination is None:
            raise InvalidQueryError(
                "No destination is named, and [bigcommerce] webhook_base_url is not set. Set it, or give "
                f"destination='https://.../bigcommerce/webhooks/{self._hook.bigcommerce_conn_id}'."
            )
        return self._destination

    @property
    def _ours(self) -> tuple[str, ...]:
        """The addresses by which a webhook is ours, in addition to the header that it carries."""
        return () if self._destination is None else (self._destination,)

    def _secrets(self) -> Secrets:
        found = self._hook.credentials()
        return Secrets(found.store_hash, found.access_token, found.client_secret)

    def probe(self) -> tuple[str, Probed]:
        """Send ourselves an event through the public address; that address, and what came of it.

        :raises BigCommerceError: it does not arrive.
        """
        return self.destination, probe(self.destination, self._secrets())

    def ensure(
        self,
        *,
        resources: Iterable[str] = (),
        scopes: Iterable[str] = (),
        exceptions_destination: str | None = None,
        prune: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> dict[str, Any]:
        """Make the store's webhooks what is asked for: the way is tried first, what is wrong healed, what is missing made.

        :param tell: takes lines for the log.
        :returns: ``store_hash``, ``destination``, ``checks_secret``, ``active`` (how many of ours deliver), ``off`` (what does not after
            this run, and why), ``created``, ``healed``, ``deleted``, ``kept``, ``extra``, ``blocked_domains``.
        :raises InvalidQueryError: a scope, resource or address that cannot be.
        :raises BigCommerceError: an address takes no deliveries, and nothing was changed; or a scope has ten webhooks already.
        """
        wanted = wanted_scopes(resources, scopes)
        secrets = self._secrets()
        probed = probe(self.destination, secrets)
        if not probed.checks_secret:
            tell(
                f"{self.destination} takes an event with a wrong secret too: what answers there is not this package's receiver. Whoever "
                "reads what it stores must check the secret."
            )
        if exceptions_destination is not None:
            checked_destination("exceptions_destination", exceptions_destination)
            if exceptions_destination == self.destination:
                raise InvalidQueryError("exceptions_destination is the destination itself; BigCommerce wants another address for it.")
            probe(exceptions_destination, secrets)
        with self._hook.store() as store:
            before = list(store.rows("webhooks"))
            todo = plan(
                before,
                wanted,
                self.destination,
                secrets.header,
                exceptions_destination=exceptions_destination,
                prune=prune,
            )
            created = self._carry_out(store, todo, secrets, tell)
            admin = store.get("webhooks_admin")
        blocked = _blocked(admin)
        for each in blocked:
            tell(f"BigCommerce delivers nothing to {each['destination']} for {each['time_left']} s: too many deliveries failed.")
        if todo.full:
            raise BigCommerceError(
                f"There are webhooks of other destinations for {', '.join(todo.full)} already, as many as BigCommerce allows an API "
                "account; all other webhooks are in place. Remove some (airflow-bigcommerce webhooks list), or use another API account."
            )
        written_at = {int(row["id"]): row.get("updated_at") for row in before}
        healed = [{"id": each.id, "scope": each.scope, "why": each.why, "since": written_at.get(each.id)} for each in todo.heal]
        # What this run has written works, whatever the page says yet: BigCommerce takes up to a minute.
        touched = {each.id for each in todo.heal} | {int(each["id"]) for each in created if each["id"] is not None} | set(todo.kept)
        ours = [row for row in _hooks_of(admin) if is_ours(row, self._ours, secrets.header) and row.get("id") not in touched]
        off = [_off(row) for row in ours if row.get("status") != "active"]
        off += [{"what": each["destination"], "why": "BigCommerce blocks it: too many deliveries failed"} for each in blocked]
        return {
            "store_hash": secrets.store_hash,
            "destination": self.destination,
            "checks_secret": probed.checks_secret,
            "active": len(touched) + sum(row.get("status") == "active" for row in ours),
            "off": off,
            "created": created,
            "healed": healed,
            "deleted": [_shown(each) for each in todo.delete],
            "kept": list(todo.kept),
            "extra": [_shown(each) for each in todo.extra],
            "blocked_domains": blocked,
        }

    def _carry_out(self, store: BlockingStore, todo: Plan, secrets: Secrets, tell: Callable[[str], None]) -> list[dict[str, Any]]:
        """Remove first, so that a scope with ten has room; then heal, then make."""
        for gone in todo.delete:
            store.delete("webhooks", ids=[int(gone["id"])])
            tell(f"Removed the webhook {gone['id']} on {gone.get('scope')}, which nobody asks for.")
        for each in todo.heal:
            store.update("webhooks", each.id, dict(each.changes))
            tell(f"Repaired the webhook {each.id} on {each.scope}: {each.why}.")
        created = []
        for scope, to in todo.create:
            row = {"scope": scope, "destination": to, "is_active": True, "headers": {SECRET_HEADER: secrets.header}}
            made = store.create("webhooks", row)
            created.append({"id": made.get("id"), "scope": scope})
            tell(f"Made a webhook on {scope}.")
        for other in todo.extra:
            tell(f"The webhook {other['id']} on {other.get('scope')} is ours and nobody asks for it; prune=True removes it.")
        return created

    def listed(self) -> list[dict[str, Any]]:
        """The webhooks of the API account, without their headers' values; ``is_ours`` tells whose they are."""
        secret = self._secrets().header
        with self._hook.store() as store:
            return [{**_shown(row), "is_ours": is_ours(row, self._ours, secret)} for row in store.rows("webhooks")]

    def delete(self, ids: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Remove webhooks, or all of ours.

        :param ids: which; None for all that go to our destination or carry our header.
        :raises InvalidQueryError: there is no webhook of such an id.
        """
        listed = {int(row["id"]): row for row in self.listed()}
        unknown = [each for each in ids or () if each not in listed]
        if unknown:
            raise InvalidQueryError(f"There is no webhook {unknown[0]}; airflow-bigcommerce webhooks list shows those of this API account.")
        chosen = [row for row in listed.values() if (row["is_ours"] if ids is None else int(row["id"]) in ids)]
        with self._hook.store() as store:
            for row in chosen:
                store.delete("webhooks", ids=[int(row["id"])])
        return chosen

    def health(self) -> dict[str, Any]:
        """How the webhooks are, by BigCommerce's own page: ``hooks`` with their status, ``blocked_domains``, ``emails``, ``problems``."""
        secret = self._secrets().header
        with self._hook.store() as store:
            admin = store.get("webhooks_admin")
        hooks = [{**_shown(row), "status": row.get("status"), "is_ours": is_ours(row, self._ours, secret)} for row in _hooks_of(admin)]
        blocked = _blocked(admin)
        mine = [each for each in hooks if each["is_ours"]]
        problems = [f"The webhook {each['id']} on {each['scope']} is {each['status']}." for each in mine if each["status"] != "active"]
        problems += [f"BigCommerce delivers nothing to {each['destination']} for {each['time_left']} s." for each in blocked]
        if not mine:
            problems.append("There is no webhook of ours" + (f" to {self._destination}." if self._destination else "."))
        if not admin.get("emails"):
            problems.append("Nobody gets a mail when BigCommerce switches a webhook off: PUT /v3/hooks/admin has no address.")
        return {"hooks": hooks, "blocked_domains": blocked, "emails": len(admin.get("emails") or ()), "problems": problems}


def _hooks_of(admin: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The webhooks on BigCommerce's own page."""
    return [row for row in admin.get("hooks_list") or () if isinstance(row, Mapping)]


def _off(hook: Mapping[str, Any]) -> dict[str, Any]:
    return {"what": str(hook.get("scope")), "why": f"it is {hook.get('status')}", "since": hook.get("updated_at")}


def _shown(hook: Mapping[str, Any]) -> dict[str, Any]:
    """What may be shown of a webhook: its headers can hold secrets."""
    headers = hook.get("headers")
    names = sorted(map(str, headers)) if isinstance(headers, Mapping) else []
    return {**{name: hook.get(name) for name in ("id", "scope", "destination", "is_active")}, "headers": names}


def _blocked(admin: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = admin.get("blocked_domains") or ()
    return [{"destination": row.get("destination"), "time_left": row.get("time_left")} for row in rows if isinstance(row, Mapping)]
