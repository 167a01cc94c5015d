"""`demitasse annotate video --write-spec FILE`."""

import dataclasses
from collections.abc import Iterator

import pytest

from annotate.video_reasoning.config import SECTION, Spec
from demitasse.cli import main


def settings(cls: type) -> Iterator[dataclasses.Field]:
    """Every field of a tree of dataclasses."""
    for field in dataclasses.fields(cls):
        yield field
        made = field.default_factory() if field.default_factory is not dataclasses.MISSING else None
        if dataclasses.is_dataclass(made):
            yield from settings(type(made))


def test_every_field_of_the_spec_says_what_it_is():
    assert [
        field.name for field in settings(Spec) if not field.metadata.get("help") and not field.metadata.get("foreign")
    ] == []


def test_the_spec_that_is_written_is_the_default_with_every_field_in_it(tmp_path, capsys):
    path = tmp_path / "spec.yaml"
    assert main(["annotate", "video", "--write-spec", str(path)]) == 0
    assert Spec.read_draft(path, []) == Spec()
    text = path.read_text()
    for field in settings(Spec):
        assert (f"{field.name}:" in text) is not bool(field.metadata.get("foreign")), field.name
    assert f"{path}: every field" in capsys.readouterr().out


def test_what_was_given_is_written_but_for_the_keys(tmp_path):
    path = tmp_path / "spec.yaml"
    given = [f"{SECTION}.{text}" for text in ("prompts=traffic", "vlm.backend=openai", "vlm.openai.api_key=sk-canary")]
    assert main(["annotate", "video", "--write-spec", str(path), "results_dir=out", *given]) == 0
    text = path.read_text()
    assert "  prompts: traffic  #" in text and "    backend: openai  #" in text and "results_dir: out  #" in text
    assert "canary" not in text and "OPENAI_API_KEY" in text


def test_a_written_spec_runs(tmp_path):
    path = tmp_path / "spec.yaml"
    scripted = [f"{SECTION}.{name}.backend=scripted" for name in ("vlm", "llm")]
    assert main(["annotate", "video", "--write-spec", str(path), *scripted]) == 0
    spec = Spec.read(path, ["results_dir=out", f"{SECTION}.data.video_root={tmp_path}"])
    assert spec.video_reasoning_annotation.llm.backend == "scripted" and spec.unused() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--write-spec", "there.yaml"], "there.yaml is there already", id="a_file_that_is_there"),
        pytest.param(["--write-spec", "there.yaml/x.yaml"], "cannot be written", id="a_folder_that_is_a_file"),
        pytest.param(["--write-spec", "x.yaml", "licence=x"], "unknown key 'licence'", id="an_unknown_key"),
    ],
)
def test_it_refuses_in_one_line(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.yaml").write_text("mine")
    assert main(["annotate", "video", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["there.yaml"] and (
        tmp_path / "there.yaml"
    ).read_text() == "mine"


@pytest.mark.parametrize("kind", ["video", "image", "espresso"])
def test_a_dash_is_stdout_and_what_is_to_be_set_is_told_apart_from_it(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["annotate", kind, "--write-spec", "-"]) == 0
    shown = capsys.readouterr()
    assert "results_dir:" in shown.out and "--config spec.yaml" in shown.out and "every field with" not in shown.out
    assert "data and results_dir, then `demitasse check`" in shown.err and list(tmp_path.iterdir()) == []
