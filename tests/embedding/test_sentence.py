"""Sentence models: loaded when they are first needed, and a clear sentence where they cannot be."""

import sys
import types

import numpy as np
import pytest

from demitasse.embedding import EmbeddingConfig, open_embedder
from demitasse.embedding import sentence as sentence_module
from demitasse.errors import ConfigError


class FakeModel:
    """What of `SentenceTransformer` is used."""

    loaded: list[tuple[str, str | None]] = []

    def __init__(self, name: str, device: str | None = None) -> None:
        if name == "no/such-model":
            raise OSError("no/such-model is not a local folder\nand a second line")
        self.loaded.append((name, device))

    def encode(self, texts, batch_size, normalize_embeddings, show_progress_bar):
        assert normalize_embeddings and not show_progress_bar
        return np.array([[1.0, 0.0] if "red" in text else [0.0, 1.0] for text in texts], np.float64)


@pytest.fixture
def installed(monkeypatch):
    module = types.ModuleType("sentence_transformers")
    module.SentenceTransformer = FakeModel
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    monkeypatch.setattr(sentence_module, "find_spec", lambda _: object())
    monkeypatch.setattr(FakeModel, "loaded", [])


def opened(**settings):
    return open_embedder(EmbeddingConfig(backend="sentence", **settings))


def test_rows_come_from_the_model_in_single_precision(installed):
    rows = opened().embed(["a red ball", "a dog"])
    np.testing.assert_array_equal(rows, np.array([[1, 0], [0, 1]], np.float32))
    assert rows.dtype == np.float32


def test_the_model_is_loaded_once_and_not_before_it_is_needed(installed):
    embedder = opened(device="cpu")
    assert embedder.name == "sentence:BAAI/bge-m3" and FakeModel.loaded == []
    embedder.embed([])
    assert FakeModel.loaded == []
    embedder.embed(["a"])
    embedder.embed(["b"])
    assert FakeModel.loaded == [("BAAI/bge-m3", "cpu")]


def test_auto_leaves_the_choice_of_device_to_the_library(installed):
    opened().embed(["a"])
    assert FakeModel.loaded == [("BAAI/bge-m3", None)]


def test_a_folder_is_named_by_its_content(installed, tmp_path):
    names = []
    for content in ("{}", '{"a": 1}'):
        (tmp_path / "config.json").write_text(content)
        names.append(opened(model=str(tmp_path)).name)
    assert all(name.startswith(f"sentence:{tmp_path.name}@") for name in names) and names[0] != names[1]


def test_a_model_that_is_not_there_is_said_in_one_line(installed):
    with pytest.raises(ConfigError, match="no/such-model cannot be loaded") as fault:
        opened(model="no/such-model").embed(["a"])
    assert "\n" not in str(fault.value)


def test_without_the_library_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sentence_module, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="pip install sentence-transformers"):
        opened()
