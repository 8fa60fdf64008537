"""Which bytes hold a number that Arrow's JSON reader would round. Pure."""

from __future__ import annotations

import re

#: Digits and points to zeros, so that a long number is found by one search for zeros.
_DIGITS = bytes(48 if 48 <= byte <= 57 or byte == 46 else byte for byte in range(256))
_SIXTEEN = b"0" * 16
_FOUR = b"0" * 4
#: So many short runs are separated from long ones singly; where there are more, all bytes are looked at.
_SHORT_RUNS = 1000
#: Up to 15 significant digits a double gives back the decimal number that was written (C's DBL_DIG).
_LONG_NUMBER = re.compile(rb"[:\[,]\s*-?[0-9.]{16}")
#: What a number below 1e-99 has; its literal start is found twelve times as fast as the number (measured).
_TINY = (re.compile(rb"e-\d{3}"), re.compile(rb"E-\d{3}"))
#: What stands before the exponent of a number, of which so many bytes are looked at; digits alone are taken for one.
_MANTISSA = re.compile(rb"(?:[:\[,\s]|\A)-?[0-9.]+\Z")
_LOOK_BACK = 64


def may_hold_long_number(block: bytes) -> bool:
    """Whether a number has more digits than a double keeps; may say yes for digits in a text, never no for a number."""
    return has_long_run(block) and _LONG_NUMBER.search(block) is not None


def may_hold_tiny_number(block: bytes) -> bool:
    """Whether a number may be too small for a double, which would make it zero."""
    found = (match.start() for mark in _TINY for match in mark.finditer(block))
    return any(_MANTISSA.search(block[max(0, at - _LOOK_BACK) : at]) for at in found)


def has_long_run(block: bytes) -> bool:
    """Whether sixteen digits and points stand in a row: four in a row among every fourth byte tell where to look."""
    sampled = block[::4].translate(_DIGITS)
    at = sampled.find(_FOUR)
    for _ in range(_SHORT_RUNS):
        if at < 0:
            return False
        if _SIXTEEN in block[max(0, 4 * at - 3) : 4 * at + 16].translate(_DIGITS):
            return True
        at = sampled.find(_FOUR, at + 1)
    return _SIXTEEN in block.translate(_DIGITS)
