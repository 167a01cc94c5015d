"""What tests of recipes share."""

import pytest

from demitasse.recipe.needs import Needs


@pytest.fixture
def no_parsers(monkeypatch):
    """Stages may be commands that there are not: nobody reads their arguments before they are run."""
    monkeypatch.setattr("demitasse.recipe.run.needs_of", lambda *_: Needs([], []))
