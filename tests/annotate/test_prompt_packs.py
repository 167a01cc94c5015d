from pathlib import Path

import pytest
import yaml

from annotate.video_reasoning.prompt_keys import PROMPTS, QA_TYPES, qa_key
from demitasse.errors import ConfigError
from demitasse.prompts import PACKS, Placeholders, load_pack

TABLE = {
    "ask": Placeholders(frozenset({"caption"}), frozenset({"length"})),
    "tell": Placeholders(),
}


def write_pack(folder: Path, **changes) -> str:
    pack = {"about": "Test", "system": "Be brief.", "prompts": {"ask": "What is {caption}?", "tell": "Tell."}}
    pack["prompts"] |= changes.pop("prompts", {})
    pack |= changes
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(pack), encoding="utf-8")
    return str(path)


def test_the_general_pack_has_all_26_prompts_with_the_placeholders_they_need():
    pack = load_pack("general", PROMPTS)
    assert len(pack.prompts) == 26
    assert all(pack.prompts.values()) and pack.system and pack.about


def test_every_question_type_has_a_prompt_in_each_mode():
    assert {qa_key(mode, kind) for mode in ("anomaly", "normal") for kind in QA_TYPES} <= set(PROMPTS)


def test_the_general_pack_shows_normal_videos_questions_the_description_too():
    pack = load_pack("general", PROMPTS)
    assert all("{step_2_output}" in pack.prompts[f"normal_{kind}"] for kind in ("mcq", "bcq", "open_qa"))


def test_the_general_pack_forbids_letters_in_the_reasoning_of_multiple_choice():
    pack = load_pack("general", PROMPTS)
    assert all("never by their letters" in " ".join(pack.prompts[key].split()) for key in ("anomaly_mcq", "normal_mcq"))


def test_braces_in_a_value_are_not_filled_in_again(tmp_path):
    pack = load_pack(write_pack(tmp_path, prompts={"ask": "{caption} in {length}"}), TABLE)
    assert pack.render("ask", {"caption": "{length} {caption} {x}", "length": "9"}) == "{length} {caption} {x} in 9"


def test_braces_that_are_no_placeholder_stay_as_they_are(tmp_path):
    pack = load_pack(write_pack(tmp_path, prompts={"ask": '{caption} as {"start": "MM:SS"} or {}'}), TABLE)
    assert pack.render("ask", {"caption": "x"}) == 'x as {"start": "MM:SS"} or {}'


def test_a_hash_changes_with_the_prompt_and_with_the_system_message(tmp_path):
    first = load_pack(write_pack(tmp_path), TABLE)
    edited = load_pack(write_pack(tmp_path, prompts={"ask": "Which is {caption}?"}), TABLE)
    other = load_pack(write_pack(tmp_path, system="Be long."), TABLE)
    assert len({first.hash("ask"), edited.hash("ask"), other.hash("ask")}) == 3
    assert first.hash("tell") == edited.hash("tell")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"prompts": {"ask": "What?"}}, "must use '{caption}'", id="a_missing_placeholder"),
        pytest.param({"prompts": {"ask": "{captoin}"}}, "did you mean 'caption'", id="an_unknown_placeholder"),
        pytest.param({"prompts": {"tell": " "}}, "'tell' is empty", id="an_empty_prompt"),
        pytest.param({"prompts": {"tel": "x"}}, "unknown prompt 'tel'; did you mean 'tell'", id="an_unknown_key"),
        pytest.param({"sytem": "x"}, "unknown key 'sytem'; did you mean 'system'", id="an_unknown_field"),
        pytest.param({"system": ["x"]}, "'system' must be there and be text", id="a_field_of_the_wrong_type"),
    ],
)
def test_a_pack_is_refused_for(tmp_path, changes, said):
    with pytest.raises(ConfigError, match="mine.yaml") as refusal:
        load_pack(write_pack(tmp_path, **changes), TABLE)
    assert said in str(refusal.value)


def test_a_pack_that_lacks_a_prompt_is_refused_and_the_prompt_named(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text("about: x\nsystem: y\nprompts:\n  tell: z\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="lacks 'ask'"):
        load_pack(str(path), TABLE)


def test_a_prompt_given_twice_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("about: x\nsystem: y\nprompts:\n  tell: z\n  tell: w\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="'tell' is given twice"):
        load_pack(str(path), TABLE)


def test_an_unknown_pack_is_refused_with_the_packs_there_are():
    with pytest.raises(ConfigError, match="no prompt pack 'genral'.*general"):
        load_pack("genral", PROMPTS)


def test_every_pack_in_the_folder_is_readable_yaml():
    assert [yaml.safe_load(path.read_text(encoding="utf-8"))["about"] for path in sorted(PACKS.glob("*.yaml"))]
