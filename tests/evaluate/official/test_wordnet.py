"""Words as NLTK's WordNet knows them, where it is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from demitasse.errors import ConfigError
from evaluate.official.wordnet import WordNet


def test_without_nltk_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[wups\]' in the checkout"):
        WordNet()


@pytest.fixture(scope="module")
def words():
    pytest.importorskip("nltk", reason="NLTK is not installed")
    try:
        return WordNet()
    except ConfigError as fault:
        pytest.skip(str(fault))


def test_base_forms_are_found(words):
    assert words.lemmas("Two dogs") == ["two", "dog"]


def test_likeness_is_of_first_senses(words):
    assert 0.8 < words.likeness("dog", "cat") < 0.9
    assert words.likeness("dog", "xqzzt") == 0.0


def test_the_benchmarks_runner_finds_our_words_and_not_the_package_of_that_name(tmp_path):
    """Hugging Face's `evaluate`, which `dev` installs, must not stand before the checkout's."""
    root = Path(__file__).resolve().parents[3]
    script = root / "benchmarks" / "peers" / "official_script.py"
    command = [sys.executable, script, "nextqa_oe", tmp_path, tmp_path, root]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert "evaluate.official" not in told.splitlines()[-1]
