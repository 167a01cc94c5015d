"""A few toy clips of moments, rendered once."""

from pathlib import Path

import pytest

from demitasse.toyworld.moment_files import write_moments

CLIPS = 4


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("moments")
    write_moments(folder, range(CLIPS))
    return folder
