"""What becomes of a query parameter that an endpoint does not document.

Some endpoints refuse it; of the others no source says whether they do or pass it over, so the store can be told which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from airflow_provider_bigcommerce.sandbox.answers import Answer, error
from airflow_provider_bigcommerce.sandbox.b2b_contract import b2b_contract
from airflow_provider_bigcommerce.sandbox.contract import contract

Unknown = Literal["ignore", "refuse"]
UNKNOWN: tuple[Unknown, ...] = get_args(Unknown)

#: Endpoints that always refuse, and the status they answer with. Sources: channels.v3.yml (its example of a 422), pages.v3.yml (the text
#: of its 400); customer attributes and category trees by what clients of real stores report.
REFUSING: Mapping[str, int] = {
    "/v3/channels": 422,
    "/v3/channels/{channel_id}/listings": 422,
    "/v3/customers/attributes": 422,
    "/v3/catalog/trees": 422,
    "/v3/content/pages": 400,
}
_NO_FILTERS = frozenset(("page", "limit"))


def refusal(unknown: Unknown, template: str, query: Mapping[str, str], version: str) -> Answer | None:
    """Answer a GET that has parameters which its path does not document; None where it is let through.

    :param unknown: what the endpoints do that are not in `REFUSING`; `page` and `limit` are no filters, and pass there.
    :param template: path template; one that no file documents takes everything.
    """
    operation = (b2b_contract() if version == "b2b" else contract()).get(template, {}).get("get")
    if operation is None or not query:
        return None
    names = {name for name in query if name not in operation["query"]}
    if template not in REFUSING:
        names = names - _NO_FILTERS if unknown == "refuse" else set()
    if not names:
        return None
    status = REFUSING.get(template, 400 if version == "v2" else 422)
    return error(version, status, f"The filter(s): {', '.join(sorted(names))} are not valid filter parameter(s).")
