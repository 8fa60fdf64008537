"""Whether a person has approved a plan: the answer of Airflow's ``ApprovalOperator``, as its XCom has it. Pure.

Airflow's own Reject skips the direct followers only, so whoever sends looks at the answer itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from airflow_provider_bigcommerce.exceptions import InvalidQueryError, NotApprovedError

#: In place of an approval, where nobody is to be asked.
NO_APPROVAL = "none needed"

_ACCEPTED = "the ApprovalOperator's result (approval=approve.output), or 'none needed' where nobody is to be asked"
#: What a template makes of a moment inside a dict.
_MOMENT = re.compile(r"(?:datetime\.datetime|DateTime)\(([^()]*)(?:\([^()]*\)[^()]*)?\)")


def require_approved(approval: object, *, created_at: str) -> str:
    """Refuse what nobody has approved; who has, as Airflow names them.

    :param approval: the XCom, or what a template made of it.
    :param created_at: when the plan was made, ISO-8601.
    :returns: the name or the id of who has; empty where nobody was to be asked, or Airflow does not say.
    :raises NotApprovedError: it was rejected, not answered, or the answer is older than the plan.
    :raises InvalidQueryError: it is something else than an answer.
    """
    if approval == NO_APPROVAL:
        return ""
    answer = _answer(approval)
    chosen = answer.get("chosen_options")
    if not isinstance(chosen, (list, tuple)) or list(chosen) != ["Approve"]:
        told = ", ".join(map(str, chosen)) if isinstance(chosen, (list, tuple)) and chosen else "nothing"
        raise NotApprovedError(f"The plan was not approved (chosen: {told[:80]}). Nothing was sent. Make a new plan, and ask again.")
    answered, made = _moment(answer.get("responded_at")), _moment(created_at)
    if answered is None or made is None or answered < made:
        when = answered.isoformat(timespec="seconds") if answered is not None else "not told"
        raise NotApprovedError(
            f"The approval (answered: {when}) is not of this plan, which was made at {created_at}. Nothing was sent. Ask again: clear the "
            "approval's task together with the plan's."
        )
    return _person(answer.get("responded_by_user"))


def _answer(approval: object) -> Mapping[str, Any]:
    found: object = approval
    if found is None or found == "None":  # rejected: Airflow keeps no result of the approval's task then
        raise NotApprovedError(
            "The plan was not approved: there is no answer. Nothing was sent. Ask again about a new plan; if somebody did approve this, "
            "check that the argument is approval=approve.output."
        )
    if isinstance(approval, str):
        found = _parsed(approval)
    if not isinstance(found, Mapping) or "chosen_options" not in found:
        raise InvalidQueryError(f"approval ({type(approval).__name__}) is no answer of a person. Accepted: {_ACCEPTED}.")
    return found


def _parsed(text: str) -> object:
    """What a template made of a dict: JSON, or Python's own spelling, in which a moment is a call."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        pass
    try:
        return ast.literal_eval(_MOMENT.sub(lambda found: repr(_spelled(found[1])), text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _spelled(numbers: str) -> str | None:
    """``2026, 1, 31, 8, 30, 5, 250000, tzinfo=...`` as ISO-8601; Airflow's moments are in UTC."""
    parts = [int(part) for part in (each.strip() for each in numbers.split(",")) if part.isdecimal()]
    try:
        return datetime(*parts[:7], tzinfo=UTC).isoformat()  # type: ignore[misc,arg-type]  # at most seven whole numbers
    except (TypeError, ValueError):
        return None


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


def _person(user: object) -> str:
    if not isinstance(user, Mapping):
        return ""
    return str(user.get("name") or user.get("id") or "")[:200]
