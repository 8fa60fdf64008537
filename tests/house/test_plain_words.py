"""What people read is in plain words: pages, example DAGs, docstrings, comments and messages."""

from __future__ import annotations

import pytest

from tests.tools.plain_words import PHRASES, files, found, found_in

#: Sentences as they were once written, with what is wrong in each.
LITERARY = {
    "It costs a request a parent.": "a request a parent",
    "Each line is one row an\n    order.": "one row an order",
    "A copy loses no row and doubles none.": "doubles none",
    "Refusals are not repeated.": "Refusals are",
    "Other fields are passed\n# over.": "are passed # over",
    "It is dear.": "is dear",
    "A hash and a token is a whole connection.": "is a whole connection",
    "the run begins anew": "begins anew",
    "It is read anew.": "anew",
    "a file beside the manifests": "beside",
    '"The quote is held "\n    "against it."': 'held " "against',
    "Rows are told apart by it.": "told apart",
    "a list in place of a text": "in place of",
    "rows that the store has no more.": "has no more.",
    "The order is kept, for it matters.": ", for it",
    "The store's clock is gone by.": "is gone by",
    "the task gives its slot back": "gives its slot back",
    "a retry goes on where it was": "goes on where",
    "Stock, and what hangs on the row.": "hangs on the row",
    "Copy it by the clock.": "by the clock",
    "It waits, lest others fail.": "lest",
}
#: What only looks like that.
PLAIN = (
    ":param beside: fields of the body",
    "def write(self, *, beside: int | None = None)",
    "self._beside = beside",
    "no more than 100 keys",
    "a file for it",
    "for the run's retries, for what is kept",
    "by the clock of the disk",
    "one request per parent",
    "a retry continues where it was",
)


@pytest.mark.parametrize("sentence", LITERARY)
def test_a_literary_phrase_is_found_also_over_the_end_of_a_line(sentence):
    assert LITERARY[sentence] in [each.text for each in found_in(sentence)]


@pytest.mark.parametrize("sentence", PLAIN)
def test_a_plain_sentence_and_code_are_left_alone(sentence):
    assert found_in(sentence) == []


def test_each_phrase_has_a_plain_word_that_is_not_to_be_avoided_itself():
    assert [each.plain for each in PHRASES if not each.plain or found_in(each.plain)] == []


def test_what_people_read_is_in_plain_words():
    hits = found()
    assert len(list(files())) > 380
    assert hits == [], "\n".join(map(str, hits))
