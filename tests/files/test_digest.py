"""The digest of a file's bytes, however they come."""

from __future__ import annotations

import hashlib
import threading

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.targets.files.digest import _WORTH_A_THREAD, Digest


@given(st.lists(st.sampled_from([0, 1, 1000, _WORTH_A_THREAD - 1, _WORTH_A_THREAD, 3 * _WORTH_A_THREAD]), max_size=6), st.data())
def test_pieces_of_any_size_give_the_digest_of_the_whole(sizes: list[int], data: st.DataObject) -> None:
    digest, whole = Digest(), hashlib.sha256()
    for number, size in enumerate(sizes):
        piece = bytes([number]) * size
        forms: list[bytes | memoryview] = [piece, memoryview(piece)]
        digest.update(data.draw(st.sampled_from(forms)))
        whole.update(piece)
        if data.draw(st.booleans()):
            assert digest.hexdigest() == whole.hexdigest()
    digest.close()
    assert digest.hexdigest() == whole.hexdigest()


def test_a_buffer_that_its_owner_uses_again_is_taken_as_it_was() -> None:
    digest, buffer = Digest(), bytearray(b"a" * 2 * _WORTH_A_THREAD)
    digest.update(memoryview(buffer))
    buffer[:] = b"b" * len(buffer)
    assert digest.hexdigest() == hashlib.sha256(b"a" * 2 * _WORTH_A_THREAD).hexdigest()
    digest.close()


def test_no_thread_is_left_when_it_is_closed_and_none_is_made_for_small_pieces() -> None:
    digest = Digest()
    before = threading.active_count()
    digest.update(b"a" * 100)
    assert threading.active_count() == before
    digest.update(b"a" * _WORTH_A_THREAD)
    assert threading.active_count() == before + 1
    digest.close()
    assert threading.active_count() == before
