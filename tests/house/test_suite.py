"""The suite's second look: a few failures are run once more, alone, and are never passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import suite

PYTEST = ["-m", "pytest", "-q", "-p", "no:randomly", "tests"]

#: Fails as often as is said, counted in a file.
TEST = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range({tests}))
def test_it(number):
    count = Path(__file__).with_name(f"count{{number}}")
    seen = int(count.read_text()) if count.exists() else 0
    count.write_text(str(seen + 1))
    assert seen >= {failures}
"""


@pytest.mark.parametrize(
    ("tests", "failures", "expected"),
    [
        pytest.param(2, 0, (True, []), id="none fails"),
        pytest.param(2, 1, (True, ["tests/test_it.py::test_it[0]", "tests/test_it.py::test_it[1]"]), id="two pass alone"),
        pytest.param(1, 2, (False, ["tests/test_it.py::test_it[0]"]), id="one fails again"),
        pytest.param(suite.LOOKED_AT_AGAIN + 1, 1, (False, []), id="too many"),
    ],
)
def test_what_fails_once_is_named_and_what_fails_again_fails(
    tmp_path: Path, tests: int, failures: int, expected: tuple[bool, list[str]]
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(TEST.format(tests=tests, failures=failures))

    assert suite.run_step(PYTEST, tmp_path) == expected


def test_a_file_that_cannot_be_read_is_no_unsteady_test(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("import nothing_of_this_name")

    assert suite.run_step(PYTEST, tmp_path) == (False, [])
