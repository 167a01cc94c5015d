"""Where the real slices lie, if they do."""

from pathlib import Path

import pytest

REAL = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def real():
    """A file of the real slices; the test is skipped, saying so, where they are absent."""

    def find(name):
        path = REAL / name
        if not path.exists():
            pytest.skip(f"the real slice {name} is not here")
        return path

    return find
