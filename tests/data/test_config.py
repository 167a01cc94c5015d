"""Configuration: what is accepted, how each mistake is told, and that secrets are never shown or saved."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from demitasse.config import read_config, save_resolved
from demitasse.errors import ConfigError


class Mode(StrEnum):
    AUTO = "auto"
    ANOMALY = "anomaly"


@dataclass
class Optim:
    lr: float = field(default=1e-3, metadata={"gt": 0, "le": 1})
    betas: tuple[float, float] = (0.9, 0.99)
    epochs: int = field(default=1, metadata={"ge": 1})


@dataclass
class Endpoint:
    model: str = ""
    api_key: str = ""
    token: str = field(default="", metadata={"secret": True})


@dataclass
class Spec:
    name: str = "x"
    optim: Optim = field(default_factory=Optim)
    endpoint: Endpoint | None = None
    steps: list[str] = field(default_factory=lambda: ["0"], metadata={"choices": ("0", "1a", "2")})
    mode: Mode = Mode.AUTO
    method: Literal["lora", "full", 8] = "full"
    resume: bool = False
    out: Path | None = None
    limit: int | Literal["none"] = "none"
    stages: list[Endpoint] = field(default_factory=list)
    prices: dict[str, float] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Needs:
    model: str
    rank: int = 8

    def __post_init__(self):
        if self.rank % 2:
            raise ValueError("rank must be even")


def config(tmp_path, text, overrides=(), cls=Spec, section=None):
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    return read_config(cls, path, overrides, section)


def error(tmp_path, text, overrides=(), cls=Spec, section=None):
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, text, overrides, cls, section)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        pytest.param("optim: {lr: 1e-4}", "optim.lr", 1e-4, id="float_in_exponent_form_is_a_number"),
        pytest.param("optim: {lr: 1}", "optim.lr", 1.0, id="whole_number_for_a_float"),
        pytest.param("optim: {lr: .5}", "optim.lr", 0.5, id="float_without_leading_zero"),
        pytest.param("optim: {epochs: 1_000}", "optim.epochs", 1000, id="underscores_in_numbers"),
        pytest.param("resume: on", "resume", True, id="on_is_true_for_a_truth_value"),
        pytest.param("resume: No", "resume", False, id="no_is_false_for_a_truth_value"),
        pytest.param("name: on", "name", "on", id="on_is_a_word_for_a_string"),
        pytest.param("name: no", "name", "no", id="no_is_a_word_for_a_string"),
        pytest.param("name: 01:30", "name", "01:30", id="a_time_is_not_a_sexagesimal_number"),
        pytest.param("name: 2026-11-21", "name", "2026-11-21", id="a_date_is_a_string"),
        pytest.param("name: 1.0", "name", "1.0", id="a_version_keeps_its_zero"),
        pytest.param("name: |\n  two\n  lines\n", "name", "two\nlines\n", id="block_string"),
        pytest.param("steps: [0, 1a, 2]", "steps", ["0", "1a", "2"], id="numbers_in_a_list_of_strings"),
        pytest.param("steps: []", "steps", [], id="empty_list"),
        pytest.param("mode: anomaly", "mode", Mode.ANOMALY, id="enum"),
        pytest.param("method: 8", "method", 8, id="number_among_literals"),
        pytest.param("out: runs/a", "out", Path("runs/a"), id="path"),
        pytest.param("out: null", "out", None, id="null"),
        pytest.param("out:", "out", None, id="nothing_is_null"),
        pytest.param("limit: 5", "limit", 5, id="union_takes_the_number"),
        pytest.param("limit: none", "limit", "none", id="union_takes_the_word"),
        pytest.param("optim:", "optim", Optim(), id="empty_section_is_its_defaults"),
        pytest.param("optim: {betas: [0.5, 0.9]}", "optim.betas", (0.5, 0.9), id="tuple"),
        pytest.param("endpoint: {model: m}", "endpoint", Endpoint("m"), id="optional_dataclass"),
        pytest.param(
            "stages: [{model: a}, {model: b}]", "stages", [Endpoint("a"), Endpoint("b")], id="list_of_dataclasses"
        ),
        pytest.param("prices: {gpt-5: 1.5}", "prices", {"gpt-5": 1.5}, id="dict"),
        pytest.param(
            "extra: {a: 1e-4, b: on, c: [1, x], d: '1'}",
            "extra",
            {"a": 1e-4, "b": "on", "c": [1, "x"], "d": "1"},
            id="untyped_follows_yaml_1_2",
        ),
        pytest.param(
            "a: &a {lr: 0.5}\n".replace("a: &a", "extra: &a") + "optim: {<<: *a, epochs: 3}",
            "optim",
            Optim(0.5, epochs=3),
            id="merge_key",
        ),
        pytest.param("", "name", "x", id="empty_file_is_the_defaults"),
        pytest.param("# only a comment\n", "name", "x", id="comment_is_the_defaults"),
    ],
)
def test_what_is_written_means_what_the_field_says(tmp_path, text, key, value):
    found = config(tmp_path, text)
    for name in key.split("."):
        found = getattr(found, name)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("nmae: y", ["line 1", "'nmae'", "y", "nearest valid key is 'name'"], id="misspelt_key"),
        pytest.param(
            "name: y\noptim:\n  learning_rate: 1",
            ["line 3", "'optim.learning_rate'", "valid here: lr, betas, epochs"],
            id="unknown_key",
        ),
        pytest.param("lr: 1", ["'lr'", "nearest valid key is 'optim.lr'"], id="key_of_another_section"),
        pytest.param(
            "lr: 1", ["nearest valid key is 'optim.lr'; valid here: name, optim,"], id="and_what_its_own_section_takes"
        ),
        pytest.param(
            "endpoint: {method: x}",
            ["'endpoint.method'", "nearest valid key is 'method'; valid here: model, api_key, token"],
            id="key_of_the_section_above",
        ),
        pytest.param("optim: {lims: 1}", ["'optim.lims' (value 1); valid here: lr,"], id="no_key_far_away_half_alike"),
        pytest.param("optim: {lr: fast}", ["'optim.lr' is fast", "a number"], id="word_for_a_number"),
        pytest.param("optim: {lr: '0.1'}", ["'optim.lr' is '0.1'", "a number"], id="quoted_number"),
        pytest.param("optim: {lr: .nan}", ["'optim.lr' is .nan", "a number"], id="not_a_number"),
        pytest.param("optim: {lr: 0}", ["'optim.lr' is 0", "more than 0"], id="out_of_range_below"),
        pytest.param("optim: {lr: 2}", ["'optim.lr' is 2", "at most 1"], id="out_of_range_above"),
        pytest.param("optim: {epochs: 0}", ["'optim.epochs' is 0", "at least 1"], id="out_of_range_at_least"),
        pytest.param(
            "optim: {epochs: 1.5}", ["'optim.epochs' is 1.5", "a whole number"], id="fraction_for_a_whole_number"
        ),
        pytest.param("optim: {epochs: 010}", ["'optim.epochs' is 010", "a whole number"], id="octal_looking_number"),
        pytest.param(
            "optim: 5", ["'optim' is 5", "mapping with the keys lr, betas, epochs"], id="number_for_a_section"
        ),
        pytest.param("optim: {betas: [1]}", ["'optim.betas' is [1]", "a list of 2"], id="tuple_of_another_length"),
        pytest.param("resume: maybe", ["'resume' is maybe", "true or false"], id="word_for_a_truth_value"),
        pytest.param("resume: 1", ["'resume' is 1", "true or false"], id="number_for_a_truth_value"),
        pytest.param("name: [a]", ["'name' is [a]", "a string"], id="list_for_a_string"),
        pytest.param("name: null", ["'name' is null", "a string"], id="null_for_a_string"),
        pytest.param("steps: 0", ["'steps' is 0", "a list such as [0]"], id="scalar_for_a_list"),
        pytest.param("steps: [0, 1z]", ["'steps'", "one of 0, 1a, 2"], id="element_not_among_choices"),
        pytest.param("mode: anomoly", ["'mode' is anomoly", "did you mean anomaly?"], id="misspelt_enum"),
        pytest.param("method: qlora", ["'method' is qlora", "lora, full, 8"], id="literal"),
        pytest.param("limit: x", ["'limit' is x", "a whole number or one of none"], id="union"),
        pytest.param(
            "stages: [{model: a}, {modell: b}]", ["'stages[1].modell'", "stages[1].model'"], id="key_in_a_list_element"
        ),
        pytest.param("endpoint: {modle: a}", ["'endpoint.modle'", "'endpoint.model'"], id="key_in_an_optional_section"),
        pytest.param("prices: {a: cheap}", ["'prices.a' is cheap", "a number"], id="value_in_a_dict"),
        pytest.param("name: a\nname: b", ["line 2", "'name'", "twice"], id="key_given_twice"),
        pytest.param("name: [a", ["line 1", "not readable as YAML"], id="broken_yaml"),
        pytest.param("limit: 1\nname: [a,\n  b", ["line 3", "not readable as YAML"], id="unfinished_list"),
        pytest.param(f"extra: {'[' * 100_000}", ["nest too deeply"], id="very_many_brackets"),
        pytest.param("- a", ["[a]", "mapping"], id="a_list_as_the_whole_file"),
        pytest.param("name: !!python/name:os.system x", ["line 1", "tag", "not allowed"], id="python_tag"),
        pytest.param("extra: &a {b: *a}", ["holds itself"], id="alias_of_itself"),
    ],
)
def test_each_mistake_names_key_value_file_and_line(tmp_path, text, says):
    message = error(tmp_path, text)
    assert "spec.yaml" in message
    for part in says:
        assert part in message


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        pytest.param("optim.lr=1e-4", "optim.lr", 1e-4, id="nested"),
        pytest.param("steps=[0,1a]", "steps", ["0", "1a"], id="list"),
        pytest.param("name=a=b", "name", "a=b", id="equals_sign_in_the_value"),
        pytest.param("name=", "name", "", id="empty_value_is_the_empty_string"),
        pytest.param("out=null", "out", None, id="null"),
        pytest.param("endpoint.model=m", "endpoint", Endpoint("m"), id="section_that_was_null"),
        pytest.param("prices={a: 2}", "prices", {"a": 2.0}, id="mapping"),
        pytest.param("extra.deep.key=1", "extra", {"deep": {"key": 1}}, id="below_a_dict"),
        pytest.param("+name=b", "name", "b", id="hydras_plus"),
        pytest.param("++optim.lr=0.25", "optim.lr", 0.25, id="hydras_two_pluses"),
        pytest.param("~optim.lr", "optim.lr", 1e-3, id="hydras_tilde_gives_the_default_back"),
        pytest.param("~name=file", "name", "x", id="hydras_tilde_with_a_value"),
        pytest.param("name=night cam #3", "name", "night cam #3", id="a_hash_is_no_comment"),
        pytest.param("name=@cam: *1", "name", "@cam: *1", id="marks_that_mean_something_in_yaml"),
        pytest.param("name='a: b'", "name", "a: b", id="quotes"),
    ],
)
def test_an_override_wins_over_the_file(tmp_path, override, key, value):
    found = config(tmp_path, "name: file\nendpoint: null\noptim: {lr: 0.5, epochs: 4}\n", [override])
    assert found.optim.epochs == 4
    for name in key.split("."):
        found = getattr(found, name)
    assert found == value


def test_three_question_marks_are_a_value_still_to_be_given(tmp_path):
    assert config(tmp_path, "name: ???\noptim: {lr: '???'}").name == "x"
    assert config(tmp_path, "name: ???", ["name=b"]).name == "b"
    assert "unknown key" in error(tmp_path, "nane: ???")


def test_the_last_override_wins(tmp_path):
    assert config(tmp_path, "", ["name=a", "name=b"]).name == "b"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        pytest.param("optim.lrr=1", "nearest valid key is 'optim.lr'", id="unknown_key"),
        pytest.param("optim.lr=5", "at most 1", id="out_of_range"),
        pytest.param("name.x=1", "no mapping", id="below_a_string"),
        pytest.param("nonsense", "not of the form key=value", id="no_equals_sign"),
        pytest.param("optim.lr", "'optim.lr' is not of the form key=value; no space stands around =", id="a_space"),
        pytest.param("=1", "not of the form key=value", id="no_key"),
        pytest.param("spec.yaml", "a file is named with --config", id="a_file_without_its_option"),
        pytest.param("steps=[0", "not readable as YAML", id="broken_yaml"),
        pytest.param("name='\udcff'", "not Unicode text", id="byte_that_is_no_text"),
    ],
)
def test_a_mistake_in_an_override_says_command_line(tmp_path, override, says):
    message = error(tmp_path, "name: file", [override])
    assert message.startswith("command line") and says in message


def test_an_alias_is_not_changed_where_its_twin_is_overridden(tmp_path):
    found = config(tmp_path, "stages: []\noptim: &o {lr: 0.5}\nextra: {copy: *o}", ["extra.copy.lr=0.25"])
    assert (found.optim.lr, found.extra) == (0.5, {"copy": {"lr": 0.25}})


def test_a_section_is_read_alone_and_the_rest_is_left_to_others(tmp_path):
    text = "train:\n  optim: {lr: 0.5}\nother: {anything: 1}\n"
    assert config(tmp_path, text, ["optim.epochs=2", "train.name=t"], section="train") == Spec(
        name="t", optim=Optim(0.5, epochs=2)
    )


def test_a_missing_section_is_named_with_the_nearest(tmp_path):
    assert "nearest is 'train'" in error(tmp_path, "train: {}", section="trian")


def test_a_required_key_that_is_missing_is_named(tmp_path):
    assert "'model' is missing" in error(tmp_path, "rank: 4", cls=Needs)


def test_what_the_dataclass_itself_refuses_is_told_with_its_place(tmp_path):
    message = error(tmp_path, "model: m\nrank: 3", cls=Needs)
    assert "spec.yaml" in message and "rank must be even" in message


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.yaml cannot be read"):
        read_config(Spec, tmp_path / "gone.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"bytes\.yaml is not UTF-8"):
        read_config(Spec, tmp_path / "bytes.yaml")


def test_without_a_file_there_are_defaults_and_overrides():
    assert read_config(Spec, None, ["name=y"]) == Spec(name="y")


CANARY = "sk-canary-7"


@pytest.mark.parametrize(
    "override",
    [
        pytest.param(f"endpoint.api_key=[{CANARY}]", id="wrong_type"),
        pytest.param(f"endpoint.token=[{CANARY}]", id="wrong_type_of_a_field_marked_secret"),
        pytest.param(f"endpiont={{api_key: {CANARY}}}", id="unknown_section"),
        pytest.param(f"openai_api_key={CANARY}", id="unknown_key"),
        pytest.param(f"endpoint.apikey={CANARY}", id="misspelt_key"),
        pytest.param(f"endpoint.access_token={CANARY}", id="secret_under_another_name"),
        pytest.param(f"endpiont={{apikey: {CANARY}}}", id="misspelt_key_in_an_unknown_section"),
        pytest.param(f"endpoint.api_key.x={CANARY}", id="below_a_key"),
        pytest.param(f"name={{api_key: {CANARY}}}", id="mapping_for_a_string"),
        pytest.param(f"api_key:{CANARY}", id="colon_for_equals_sign"),
    ],
)
def test_no_error_shows_a_secret(tmp_path, override):
    assert CANARY not in error(tmp_path, f"endpoint: {{api_key: {CANARY}}}", [override])


def test_no_secret_is_saved(tmp_path):
    spec = Spec(endpoint=Endpoint("m", CANARY, CANARY), stages=[Endpoint("n", CANARY)], extra={"api_key": CANARY})
    save_resolved(spec, tmp_path / "saved.yaml")
    assert CANARY not in (tmp_path / "saved.yaml").read_text()
    assert read_config(Spec, tmp_path / "saved.yaml").endpoint == Endpoint("m")


def test_what_is_saved_is_read_back_to_the_same_values(tmp_path):
    spec = Spec(
        name="no",
        optim=Optim(1e-5, (0.1, 0.2), 7),
        endpoint=Endpoint("ü: [x]"),
        steps=["0", "1a"],
        mode=Mode.ANOMALY,
        method=8,
        resume=True,
        out=Path("a b/c"),
        limit=3,
        stages=[Endpoint("1e-4")],
        prices={"m": float("inf")},
        extra={"a": "1e-4", "b": "on", "c": 1e-7, "d": None, "e": "", "f": "01", "g": [True, 12, "12"], "h": "null"},
    )
    save_resolved(spec, tmp_path / "saved.yaml")
    assert read_config(Spec, tmp_path / "saved.yaml") == spec


def test_what_is_saved_means_the_same_to_any_yaml_reader(tmp_path):
    spec = Spec(name="on", steps=["0"], extra={"a": "yes", "b": "1e-4"}, optim=Optim(1e-5))
    save_resolved(spec, tmp_path / "saved.yaml")
    plain = yaml.safe_load((tmp_path / "saved.yaml").read_text())
    assert (plain["name"], plain["steps"], plain["extra"]) == ("on", ["0"], {"a": "yes", "b": "1e-4"})
    assert plain["optim"]["lr"] == 1e-5


def test_what_yaml_cannot_hold_is_not_saved(tmp_path):
    with pytest.raises(ConfigError, match=r"'extra\.x' holds a set"):
        save_resolved(Spec(extra={"x": {1}}), tmp_path / "saved.yaml")
    assert not list(tmp_path.iterdir())
