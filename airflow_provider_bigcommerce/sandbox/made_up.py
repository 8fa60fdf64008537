"""Values made up from a documented schema: right in type, format, length and enum, plausible by name, some null where null is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.dice import Dice
from airflow_provider_bigcommerce.sandbox.vocabulary import ADJECTIVES, CATEGORIES, FIRST_NAMES, LAST_NAMES, NOUNS, SENTENCES

_MONEY = ("amount", "price", "cost", "total", "balance", "fee", "credit", "tax", "discount", "surcharge", "min_purchase", "rate")
_EXACT = {
    "first_name": FIRST_NAMES,
    "last_name": LAST_NAMES,
    "from_name": FIRST_NAMES,
    "to_name": FIRST_NAMES,
    "city": ("Austin", "Montréal", "墨田区"),
    "state": ("Texas", "Quebec", "Tokyo"),
    "zip": ("78751", "10623"),
    "postal_code": ("78751", "10623"),
    "country": ("United States", "Germany"),
    "country_iso2": ("US", "DE"),
    "country_code": ("US", "DE"),
    "country_iso3": ("USA", "DEU"),
    "locale": ("en", "de"),
    "currency": ("USD", "EUR"),
    "currency_code": ("USD", "EUR"),
    "default_currency": ("USD",),
    "time_zone": ("Etc/UTC",),
    "timezone": ("UTC",),
    "status": ("active",),
    "token_location": ("left",),
    "reason": ("Changed their mind",),
    "region": ("header",),
    "module": ("Catalog",),
}


class MadeUp:
    """Makes values of one kind of row.

    :param seed: the store's seed.
    :param kind: the kind, so that two kinds do not draw alike.
    :param version: `v2` or `v3`, which decides how dates are written.
    """

    def __init__(self, seed: int, kind: str, version: str) -> None:
        self.dice = Dice(seed, kind)
        self._version = version

    def value(self, schema: Mapping[str, Any], number: int, *, at: int, name: str = "", face: int = 0) -> Any:
        """Make one value.

        :param schema: from the contract.
        :param number: which row.
        :param at: when the row was modified, in epoch seconds; dates follow from it.
        :param name: the field.
        :param face: which draw of the row, so that fields differ.
        """
        roll = self.dice.roll(number, face)
        if schema.get("nullable") and roll % 5 == 0:
            return None
        if schema.get("enum"):
            values = [value for value in schema["enum"] if value is not None]
            return values[roll % len(values)] if values else None
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return {
                field: self.value(inner, number, at=at, name=field, face=face * 31 + place + 1)
                for place, (field, inner) in enumerate(schema.get("properties", {}).items())
            }
        if kind == "array":
            if schema.get("maxItems") == 0 or not schema.get("items"):
                return []
            length = max(int(schema.get("minItems", 1)), 1)
            return [
                self.value(schema["items"], number, at=at, name=name.removesuffix("s"), face=face * 31 + place + 1)
                for place in range(length)
            ]
        if kind == "boolean":
            return bool(roll & 1)
        if kind == "integer":
            return self._within(schema, at if name.endswith(("_time", "_at", "purchase_date", "timestamp")) else 1 + roll % 9)
        if kind == "number":
            low, high = schema.get("minimum", 0), schema.get("maximum", 10**6)
            return min(max((roll % 50_000) / 100, low), high)
        return self._text(schema, name, number, roll, at)

    @staticmethod
    def _within(schema: Mapping[str, Any], value: int) -> int:
        return min(max(value, int(schema.get("minimum", value))), int(schema.get("maximum", value)))

    def _text(self, schema: Mapping[str, Any], name: str, number: int, roll: int, at: int) -> str:
        text = self._plain(str(schema.get("format", "")).strip().lower(), name, number, roll, at)
        if len(text) > schema.get("maxLength", 10**6):
            text = text[: schema["maxLength"]]
        return text.ljust(schema.get("minLength", 0), "x")

    def _plain(self, form: str, name: str, number: int, roll: int, at: int) -> str:
        write = dates.rfc2822 if self._version == "v2" else dates.iso
        if form == "date":
            return dates.iso(at)[:10]
        if form in ("date-time", "iso-8601") or "date" in name or name.endswith(("_at", "created", "expires", "_before", "_after")):
            return write(at - 86_400 if "creat" in name else at)
        if form == "time":
            return "09:00"
        if form == "uuid" or "uuid" in name or name in ("token", "version"):
            return self.dice.uuid(number, roll & 63)
        if form == "email" or "email" in name:
            return f"someone{number}@example.com"
        if form in ("uri", "url") or name.endswith(("url", "link", "destination")):
            return f"https://store.example.com/{name.replace('_', '-')}/{number}"
        if "phone" in name or "ip_address" in name:
            return f"+1512555{number % 10_000:04d}" if "phone" in name else f"192.0.2.{roll % 256}"
        if name in _EXACT:
            return _EXACT[name][roll % len(_EXACT[name])]
        if form in ("iso-4217", "iso:4217") or name.endswith("currencies"):
            return "USD"
        if any(part in name for part in _MONEY):
            return f"{roll % 90 + 5}.{roll >> 8 & 63:02d}00"
        if "code" in name or name == "key":
            return f"{name.upper()}-{number}"
        if "description" in name or name in ("body", "message", "content", "summary", "text", "html"):
            return SENTENCES[roll % len(SENTENCES)]
        if "name" in name or "title" in name or "label" in name:
            return f"{ADJECTIVES[roll % len(ADJECTIVES)]} {NOUNS[(roll >> 8) % len(NOUNS)]} {number}"
        return f"{CATEGORIES[roll % len(CATEGORIES)]} {number}"
