"""A command line is taken apart into what it reads of: paths, configurations, and no caches."""

import pytest

from demitasse.errors import ConfigError
from demitasse.recipe.words import section_read, take_apart


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "items").mkdir()
    (tmp_path / "table.csv").write_text("a")
    text = (
        "recipe: {values: {run: r}, stages: [x]}\n"
        "train:\n  data: {files: [sub/items, sub/absent], cache_dir: sub/cache}\n  model: {path: Org/Model}\n"
        "annotate: {spec: 1}\n"
    )
    (tmp_path / "config.yaml").write_text(text)
    return tmp_path / "config.yaml"


@pytest.mark.parametrize(
    "command, paths",
    [
        pytest.param("data split a/b c/d --eval 10", ["a/b", "c/d"], id="words_with_a_slash"),
        pytest.param("train data.files=[a/b,c/d] model.path=m/s", ["a/b", "c/d", "m/s"], id="values_and_lists"),
        pytest.param("""train 'data.files=["a, b #1/c", d/e]'""", ["a, b #1/c", "d/e"], id="members_in_quotes"),
        pytest.param("train 'data.files=[a/b, c'", ["a/b"], id="a_list_that_is_none_is_the_commands_to_refuse"),
        pytest.param('compare "answers only=a/b" x=c/d --out e/f', ["a/b", "c/d", "e/f"], id="named_runs"),
        pytest.param("score --references table.csv", ["table.csv"], id="a_file_by_its_ending"),
        pytest.param("train --stage train videos", [], id="a_word_that_happens_to_be_a_folder_is_none"),
        pytest.param("predict --endpoint http://127.0.0.1:1/v1", [], id="an_address_is_none"),
        pytest.param("predict --cache a/b data.cache_dir=c/d --data e/f", ["e/f"], id="a_cache_decides_nothing"),
        pytest.param("judge a/b a/b", ["a/b"], id="once_each"),
    ],
)
def test_what_a_command_names(config, command, paths):
    assert [str(path) for path in take_apart(command).paths] == paths


def test_what_its_section_names_counts_if_it_is_there(config):
    words = take_apart("train --config config.yaml")
    assert [str(path) for path in words.paths] == ["sub/items"]
    assert [str(path) for path in words.configs] == ["config.yaml"]
    assert [str(path) for path in words.caches] == ["sub/cache"]


@pytest.mark.parametrize("key", ["data.files", "train.data.files", "++data.files"])
def test_what_the_command_line_says_instead_does_not(config, key):
    words = take_apart(f"train --config config.yaml {key}=[other/items]")
    assert [str(path) for path in words.paths] == ["other/items"]


def test_what_a_spec_names_that_is_no_recipe_counts_beside_the_spec(config, tmp_path):
    (tmp_path / "spec.yaml").write_text("video_reasoning_annotation: {data: {video_root: ./sub/items}}\n")
    words = take_apart("annotate video -e spec.yaml")
    assert [str(path) for path in words.paths] == ["spec.yaml", "sub/items"]
    assert words.configs == []


def test_a_command_reads_its_own_section_or_all_but_the_stages(config):
    assert section_read(config, "annotate") == {"spec": "1"}
    assert set(section_read(config, "export")) == {"train", "annotate"}


@pytest.mark.parametrize(
    "command, section",
    [
        pytest.param("train", "train", id="its_own"),
        pytest.param("check", "annotate", id="the_endpoints_of_an_annotation"),
        pytest.param("gaps a/b", "annotate", id="the_spec_to_be_narrowed"),
        pytest.param("annotate video", "annotate", id="an_annotation"),
        pytest.param("annotate quality a/b", "quality", id="the_kind_of_annotation_that_has_a_section_of_its_own"),
    ],
)
def test_which_section_a_command_reads(command, section):
    assert take_apart(command).section == section


def test_a_quote_that_is_never_closed_is_named(config):
    with pytest.raises(ConfigError, match="cannot be read as a command"):
        take_apart('compare "a=b')
