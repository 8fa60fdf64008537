"""Values that a store should not send and that somebody's did, and the places of a row where they can stand."""

from __future__ import annotations

from collections.abc import Collection

#: Name -> JSON, or what should have been JSON.
ODD: dict[str, bytes] = {
    "half a surrogate pair": rb'"half \ud83d"',
    "the other half": rb'"\ude00 half"',
    "a number beyond any float": b"1e400",
    "a number far beyond any float": b"-1e400000",
    "a fraction beyond any float": b"1.5E+999",
    "3,000 levels of lists": b"[" * 3000 + b"]" * 3000,
    "3,000 levels of objects": b'{"a":' * 3000 + b"1" + b"}" * 3000,
    "broken UTF-8": b'"a \xff\xfe b"',
    "UTF-8 cut within a character": b'"\xe2\x82"',
    "NUL, escaped": rb'"a\u0000b"',
    "NUL, raw": b'"a\x00b"',
    "line ends and an escape, raw": b'"a\nb\rc\x1b[31m"',
    "a whole number of 5,000 digits": b"9" * 5000,
    "a whole number of 30 digits": b"9" * 30,
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "a text of a surrogate pair, whole": rb'"\ud83d\ude00"',
}

#: Place in a row of ``brands`` -> the row's members behind its key, with the odd value there.
PLACES: dict[str, bytes] = {
    "plain": b'"name":%b,"page_title":"t"',
    "nested": b'"name":"n","custom_url":{"url":%b,"is_customized":false}',
    "in a list": b'"name":"n","meta_keywords":["a",%b]',
    "unknown": b'"name":"n","brand_new":%b',
    "unknown, nested": b'"name":"n","custom_url":{"url":"/u","brand_new":{"deeper":[%b]}}',
    "first": b'"page_title":%b,"name":"n"',
    "repeated name": b'"name":"first","name":%b',
}


def page(places: Collection[str]) -> tuple[bytes, dict[int, tuple[str, str]]]:
    """A page of ``brands``: a good row before, between and behind; and id -> odd value and place."""
    rows, about = [b'{"id":1,"name":"good"}'], {}
    for value, raw in ODD.items():
        for place in places:
            key = len(rows) + 1
            about[key] = (value, place)
            rows.append(b'{"id":%d,' % key + PLACES[place].replace(b"%b", raw) + b"}")
    rows.append(b'{"id":%d,"name":"good"}' % (len(rows) + 1))
    meta = b'{"pagination":{"total":%d,"count":%d,"per_page":250,"current_page":1,"total_pages":1}}' % (len(rows), len(rows))
    return b'{"data":[' + b",".join(rows) + b'],"meta":' + meta + b"}", about
