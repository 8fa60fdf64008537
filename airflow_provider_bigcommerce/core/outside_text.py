"""What may be shown of a text that came from outside: an error's title, a field's name, a header, a database's message.

Such a text can hold control characters, megabytes, and customers' data. So it is cut first, and then only what is known to be harmless
is kept: plain words (``core/plain_words.py``), names of fields by their form, small numbers. All else becomes ``[...]``. What a pattern
of personal data fails to find would be shown; what this list fails to know is only left out.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from airflow_provider_bigcommerce.core.plain_words import CAPITAL_WORDS, PLAIN_WORDS

#: Characters of one text from outside that are shown at most.
MOST_TEXT: Final = 500
#: Characters of one name (a field, a code, a header's value).
MOST_NAME: Final = 64
#: What stands for what is not shown.
LEFT_OUT: Final = "[...]"
#: Field messages of one answer.
_MOST_FIELDS = 50

#: Control characters, line and paragraph separators, marks that turn the direction of writing, halves of surrogate pairs.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]")
_QUOTED = re.compile(
    r"""(?<![A-Za-z0-9])'([^']*)'|"([^"]*)"|`([^`]*)`|\u201c([^\u201d]*)\u201d|\u2018([^\u2019]*)\u2019|\xab([^\xbb]*)\xbb"""
)
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATH_PART = re.compile(r"[a-z_][A-Za-z0-9_]*|\d{1,4}", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*){0,2}")
_HOST = re.compile(r"(?:[a-z0-9-]{1,20}\.){0,5}[a-z0-9-]{1,20}", re.ASCII)
_LONG_NUMBER = re.compile(r"\d{5}")
_HUMPS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_EDGES = ".,:;!?()[]{}<>*=-"
_CONTRACTIONS = re.compile(r"(?:n't|'s|'re|'ve)$")
#: Digits alone are one where there are more than a phone or card number has.
_REQUEST_ID = re.compile(r"(?=[0-9]*[a-fA-F]|[0-9]{24})[0-9a-fA-F-]{8,64}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CONTENT_TYPES: Final = frozenset(
    f"{family}/{kind}"
    for family, kinds in {
        "text": "html plain xml csv css javascript",
        "application": "json problem+json hal+json graphql+json xml xhtml+xml octet-stream gzip zip javascript pdf x-www-form-urlencoded",
        "image": "png jpeg gif svg+xml x-icon webp",
        "multipart": "form-data mixed",
    }.items()
    for kind in kinds.split()
)


def one_line(text: object, most: int = MOST_TEXT) -> str:
    """A text on one line: cut, and with control, format and half characters as ``\\xXX`` or ``\\uXXXX``.

    It keeps the words, so it is for what is nobody's data: the store's own name, a file's name, a library's message.
    """
    cut = str(text)
    cut = cut[: most - 3] + "..." if len(cut) > most else cut
    shown = _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], cut)
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def message(text: object) -> str:
    """What may be shown of a sentence: its plain words; ``[...]`` for names, addresses, quoted values and longer numbers.

    A capital is a plain word's at the beginning of a sentence only, for "Price" within one may be a person's name. A number has at most
    three digits and stands alone: a phone number has more, in groups. In quotation marks, only the name of a field is kept.
    """
    cut = str(text)[: 2 * MOST_TEXT]
    cut = _QUOTED.sub(lambda found: f" {_quoted(next((part for part in found.groups() if part is not None), ''))} ", cut)
    shown: list[str] = []
    begins = True
    for chunk in cut.replace("(s)", "s").split():
        word, end = chunk.strip(_EDGES), chunk[-1] if chunk[-1] in ".,:;!?" else ""
        if not word and chunk != LEFT_OUT:
            if shown and end and shown[-1][-1] not in ".,:;!?":
                shown[-1] += end  # what was behind a quoted value
            elif shown and chunk == "-":
                shown.append(chunk)
            continue
        is_kept = _plain(word, begins=begins)
        if is_kept and word.isdigit() and shown and (shown[-1].startswith(LEFT_OUT) or shown[-1].rstrip(".,:;!?").isdigit()):
            is_kept, shown[-1] = False, LEFT_OUT
        if is_kept:
            shown.append(word + end)
        elif shown and (shown[-1].startswith(LEFT_OUT) or shown[-1].isdigit()):  # "12 Baker Street", "020 7946 0958"
            shown[-1] = LEFT_OUT + end
        else:
            shown.append(LEFT_OUT + end)
        begins = end in {".", "!", "?"} and is_kept
    return one_line(" ".join(shown))


def _quoted(text: str) -> str:
    """A quoted text if it is certainly the name of a field: lower case, and of plain words."""
    stripped = text.strip()
    is_name = len(stripped) <= MOST_NAME and stripped == stripped.lower() and all(map(_FIELD.fullmatch, stripped.split(".")))
    return stripped if is_name and _plain(stripped, begins=False) else LEFT_OUT


def _plain(core: str, *, begins: bool) -> bool:
    """Whether a word may be shown."""
    if not core.isascii() or len(core) > MOST_NAME:
        return False
    if core.isdigit():
        return len(core) <= 3
    if core in CAPITAL_WORDS:
        return True
    word = _CONTRACTIONS.sub("", core)
    if word.isalpha():
        if word == word.lower() or (begins and word == word.capitalize()):
            return word.lower() in PLAIN_WORDS
        humps = _HUMPS.findall(word)  # camelCase; a single word in capitals is more likely a name than a code
        return len(humps) > 1 and word != word.upper() and all(hump.lower() in PLAIN_WORDS for hump in humps)
    parts = re.split(r"[_./:\[\]-]+", word.strip("_./:[]-"))
    if len(parts) < 2 or not all(parts):
        return False
    is_code = word == word.upper() or word == word.lower()
    return is_code and sum(part.isdigit() for part in parts) < 2 and all(_is_part(part) for part in parts)


def _is_part(part: str) -> bool:
    return len(part) <= 3 if part.isdigit() else part.lower() in PLAIN_WORDS


def field_name(name: object) -> str:
    """The name of a field as error answers have it, ``variants.0.sku``, with ``[...]`` for each part that is not of plain words.

    A name begins in lower case; a person's, an address or a phone number in the place of one does not pass for it.
    """
    text = str(name)[: 2 * MOST_NAME + 1]
    parts = [part for part in re.split(r"[.\[\]]+", text) if part]
    numbers = [part.isdigit() for part in parts]
    if not parts or len(text) > 2 * MOST_NAME or any(one and other for one, other in itertools.pairwise(numbers)):
        return LEFT_OUT
    return ".".join(part if _is_field(part) else LEFT_OUT for part in parts)


def _is_field(part: str) -> bool:
    words = _HUMPS.findall(part)
    return bool(_PATH_PART.fullmatch(part)) and all(len(word) <= 3 if word.isdigit() else word.lower() in PLAIN_WORDS for word in words)


def code(text: object) -> str:
    """An error's code or the name of its type: ``NOT_FOUND``, ``EntityNotFoundError``; ``[...]`` for all else, empty for an empty one."""
    name = str(text)[: MOST_NAME + 1]
    return "" if not name else name if _plain(name, begins=True) else LEFT_OUT


def field_messages(fields: Mapping[Any, Any]) -> dict[str, str]:
    """Field name -> message, both as they may be shown, of the first fifty; names that cannot be shown are numbered."""
    shown: dict[str, str] = {}
    for number, (name, text) in enumerate(fields.items()):
        if number == _MOST_FIELDS:
            break
        told = field_name(name)
        if told in shown:
            told = f"{told}#{number}"
        shown[told] = message(" ".join(map(str, text)) if isinstance(text, list) else text)
    return shown


def request_id(values: Iterable[str | None]) -> str | None:
    """The first of some headers' values that is an id: hexadecimal digits and dashes, at least eight."""
    return next((value for value in values if value and _REQUEST_ID.fullmatch(value)), None)


def content_type(value: str | None) -> str:
    """A content type that is known by name, in words otherwise; what the header says beyond it is left out."""
    kind = (value or "")[:MOST_TEXT].partition(";")[0].strip().lower()
    return kind if kind in _CONTENT_TYPES else "an unknown content type" if kind else "no content type"


def host(name: object) -> str:
    """A host's name or address as a redirect tells it; ``another host`` for what has not the form of one, or could be a secret."""
    text = str(name)[:MOST_NAME]
    return text if _HOST.fullmatch(text) and not _LONG_NUMBER.search(text) else "another host"


def identifier(text: object) -> str:
    """A table's, column's or constraint's name, as databases tell it; ``[...]`` for what has not the form of one."""
    name = str(text)[: 2 * MOST_NAME]
    return name if _IDENTIFIER.fullmatch(name) and not _LONG_NUMBER.search(name) else LEFT_OUT
