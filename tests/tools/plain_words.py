"""Phrases that make the documentation hard for a reader whose first language is not English, and the plain word for each.

It looks at README, SECURITY, the pages in docs/, the example DAGs and the package's docstrings, comments and messages; not at the sandbox.
``tests/house/test_plain_words.py`` fails on each. ``python -m tests.tools.plain_words`` prints them with file and line; ``--write`` puts
the plain word in their place where one word fits every sentence. Read the sentences afterwards.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[2]
_PACKAGE: Final = PROJECT / "airflow_provider_bigcommerce"
_UNIT: Final = "row|parent|request|page|resource|order|product|day|run|list|store|second|minute|file|part|task"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase to avoid.

    :param words: texts, with ``|`` between; a file without any of them is not searched, which makes this fast.
    :param pattern: regular expression; a blank in it also matches a line's end, with what a docstring, a comment or a text has around it.
    :param plain: what to write instead.
    :param fits: whether ``plain`` fits every sentence as it is.
    """

    words: str
    pattern: str
    plain: str
    fits: bool = False


#: In the order in which they are looked for.
PHRASES: Final = (
    Phrase(
        "a row|a parent|a request|a page|a resource|an order|a product|a day|a run|a list|a store|a second|a minute|a file|a part|a task",
        rf"\b(?:an?|one) (?:request|row|page|line|file|sentence|event|commit) an? (?:{_UNIT})\b",
        "one ... per ...",
    ),
    Phrase("doubles", r"\bdoubles (?:none|no)\b", "duplicates no row"),
    Phrase("loses", r"\bloses no row\b", "never loses a row"),
    Phrase("Refusals", r"\bRefusals are\b", "Rejected requests are"),
    Phrase("over the", r"\bpass(?:ed|es|ing)? over the (?:row|rows|difference|value|field|page|file)\b", "ignore, skip"),
    Phrase("passed over", r"\b(?:is|are|was|were) passed over\b", "ignored"),
    Phrase(" dear", r"\b(?:is|are|too|very|how) dear\b", "expensive"),
    Phrase("whole connection", r"\bis a whole connection\b", "needs only"),
    Phrase("anew", r"\b(?:begin|start)s anew\b", "starts from the beginning", fits=True),
    Phrase("anew", r"\banew\b", "again", fits=True),
    Phrase("beside", r"(?<!:param\x20)(?<!=\x20)(?<!\*\()(?<![\"_.])\bbeside\b(?! ?[=:,)\]}]| if\b)", "next to, in addition to, with"),
    Phrase("against", r"\bheld against\b", "compared with", fits=True),
    Phrase("against", r"\b(?:hold|holds|holding) (?:it|them|that page|the rows?|the numbers?) against\b", "compare ... with"),
    Phrase("apart", r"\btold apart\b", "distinguished", fits=True),
    Phrase("apart", r"\btell (?:them |rows |the two )?apart\b", "distinguish"),
    Phrase("told from|told of", r"\b(?:is|are|be|was|were) told from\b", "distinguished from"),
    Phrase("told from|told of", r"\b(?:is|are|was|were) told of\b", "reported"),
    Phrase("tell of|tells of", r"\btells? of (?:no|changes|failed|it|them|its|each|every)\b", "report"),
    Phrase("place of", r"\bin place of\b", "instead of", fits=True),
    Phrase("no more", r"\b(?:has|have|had) (?:\w+ )?no more[.,;:]", "no longer has"),
    Phrase("no more", r"\b(?:is|are) (?:data|there|read|part|kept|used) no more\b", "is no longer"),
    Phrase(", for", r", for (?:it|they|there|nobody|nothing|he|she|we) (?!.{0,3}$)", ", because it"),
    Phrase("gone by", r"\b(?:is|are|was|were|be) gone by\b", "used"),
    Phrase("go on|goes by|go by", r"\b(?:incremental|runs?|reading|package) goe?s? by (?!events)", "uses"),
    Phrase("hand back|hands back|handed back", r"\bhands? back (?!the rows)", "return, release"),
    Phrase("mend", r"\b(?:be|is|are|was|were|and|then|or|can) mend(?:ed)?\b", "repair, correct"),
    Phrase("Mend", r"\bMend(?:ed)? (?:it|the|or)\b", "Repair"),
    Phrase("goes on", r"\bgoes on (?:where|with|behind|by itself|at|from)\b", "continues"),
    Phrase("go on|goes by|go by", r"\bgo on (?:where|with|behind|from)\b", "continue"),
    Phrase("going on", r"\bgoing on would\b", "the read would, continuing would"),
    Phrase("slot back", r"\bgives? (?:its|the|a) (?:worker )?slot back\b", "releases its worker slot"),
    Phrase(
        "stand", r"\bstands? (?:beside|below it|above it|in a file|in the file|in the manifest|in the copy|in the row|in no)\b", "is in"
    ),
    Phrase("fed|feed", r"\b(?:fed|feed) (?:it |them |that file )?in(?: again)?\b", "use as input again"),
    Phrase("hang on|hangs on|hang together", r"\bhangs? on (?:it|them|the row)\b", "belongs to it"),
    Phrase("hang on|hangs on|hang together", r"\bhang together\b", "are related"),
    Phrase("put right", r"\bput right\b", "repaired"),
    Phrase("speak of|speaks of", r"\bspeaks? of\b", "covers, is about"),
    Phrase("upon", r"\blook back upon\b", "look back at"),
    Phrase("sooner", r"\bsooner or later\b", "at some point", fits=True),
    Phrase("the clock", r"\bby the clock\b(?! of)", "on a schedule, scheduled"),
    Phrase("rarely", r"\bever more rarely\b", "less and less often", fits=True),
    Phrase("affair", r"\bsubclass's affair\b", "up to the subclass"),
    Phrase("falls", r"\bstands or falls\b", "decisive"),
    Phrase("of life", r"\bsign of life\b", "last update"),
    Phrase(
        "lest|hence|thereof|therein|thereby|wherein|hereby|whither|nought|naught|albeit|whilst|amongst",
        r"\b(?:lest|whence|hence|thence|thereof|therein|thereby|wherein|hereby|whither|nought|naught|albeit|whilst|amongst)\b",
        "a plain word",
    ),
    Phrase("but for|save for", r"\b(?:save|but) for (?:the|a|one|its)\b", "except for"),
    Phrase("but the|but a|but one|but its|but that", r"\b(?:none|nothing|no \w+) but (?:the|a|one|its|that)\b", "only"),
    Phrase("shan't|must needs|in vain|as it were|ere long", r"\b(?:shan't|must needs|in vain|as it were|ere long)\b", "a plain word"),
)
#: Between two words: a blank, or a line's end with a docstring's indent, a comment's sign, or the quotes between two parts of a text.
_BLANK: Final = r"(?:[ \t](?!\"?\n)|[ \t]?\"?\n[ \t]*(?:#:? ?|f?\")?)"
_END: Final = re.compile(r" ?\"?\n[ \t]*(?:#:? ?|f?\")?")
_ALL: Final = tuple((phrase, phrase.words.split("|"), re.compile(phrase.pattern.replace(" ", _BLANK))) for phrase in PHRASES)
#: Files with other people's words, or with words as data.
_OTHERS: Final = {_PACKAGE / "core" / "plain_words.py"}


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase in a file.

    :param path: below the project.
    :param line: from 1.
    :param text: as it is there, on one line.
    :param plain: what to write instead.
    """

    path: Path
    line: int
    text: str
    plain: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text!r}; write: {self.plain}"


def files() -> Iterator[Path]:
    """The files whose words people read."""
    yield from (PROJECT / "README.md", PROJECT / "SECURITY.md")
    yield from sorted((PROJECT / "docs").rglob("*.md"))
    yield from sorted((PROJECT / "dags").rglob("*.py"))
    yield from (each for each in sorted(_PACKAGE.rglob("*.py")) if "sandbox" not in each.parts and each not in _OTHERS)


def found_in(text: str, path: Path = Path("text")) -> list[Found]:
    """The phrases of a text, in the order of :data:`PHRASES`."""
    flat = _END.sub(" ", text)
    return [
        Found(path, text.count("\n", 0, hit.start()) + 1, " ".join(hit[0].split()), phrase.plain)
        for phrase, words, pattern in _ALL
        if any(word in flat for word in words)
        for hit in pattern.finditer(text)
    ]


def found() -> list[Found]:
    """All phrases in all files."""
    return [each for path in files() for each in found_in(path.read_text(encoding="utf-8"), path.relative_to(PROJECT))]


def _written(text: str) -> str:
    for phrase, _, pattern in _ALL:
        if phrase.fits:
            text = pattern.sub(lambda hit, plain=phrase.plain: hit[0] if "\n" in hit[0] else plain, text)
    return text


def main() -> None:
    """Print what is there, or repair it."""
    if "--write" in sys.argv:
        for path in files():
            text = path.read_text(encoding="utf-8")
            if (written := _written(text)) != text:
                path.write_text(written, encoding="utf-8")
    sys.stdout.writelines(f"{each}\n" for each in found())


if __name__ == "__main__":
    main()
