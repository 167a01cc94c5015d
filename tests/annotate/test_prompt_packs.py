import re
from pathlib import Path

import pytest
import yaml

from annotate.video_reasoning.prompt_keys import PROMPTS, QA_TYPES, qa_key
from demitasse.errors import ConfigError
from demitasse.prompts import PACKS, Placeholders, load_pack, read_pack_text

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
        pytest.param({"prompts": {"tell": ["x"]}}, "'prompts.tell' is [x]", id="a_prompt_that_is_a_list"),
        pytest.param({"layout": "mine"}, "must be one of added, own", id="an_unknown_layout"),
        pytest.param({"prompts": {"tell": "Of [DOMAIN]."}}, "'tell' still has the placeholder [DOMAIN]", id="a_blank"),
        pytest.param({"system": "[PLACE] [DAY]"}, "'system' still has the placeholder [PLACE] and 1 more", id="blanks"),
        pytest.param({"fill": {"DOMAIN": "x"}}, "no prompt has [DOMAIN]", id="words_for_a_blank_that_is_not_there"),
        pytest.param({"extends": "nothing"}, "no prompt pack 'nothing'", id="extending_a_pack_that_is_not_there"),
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


def written(folder: Path, name: str, **content) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return str(path)


def test_a_pack_says_only_what_differs_from_the_one_it_extends(tmp_path):
    write_pack(tmp_path)
    mine = written(tmp_path, "sub/own.yaml", about="Own", extends="../mine.yaml", prompts={"tell": "Tell all."})
    pack = load_pack(mine, TABLE)
    assert (pack.name, pack.about, pack.system) == ("own", "Own", "Be brief.")
    assert pack.prompts == {"ask": "What is {caption}?", "tell": "Tell all."}


def test_a_chain_of_packs_is_joined_and_the_last_word_counts(tmp_path):
    write_pack(tmp_path, prompts={"tell": "Of [WHAT] by [WHOM]."}, fill={"WHAT": "cats", "WHOM": "nobody"})
    written(tmp_path, "b.yaml", about="B", extends="mine.yaml", layout="own", fill={"WHOM": "the dog"})
    pack = load_pack(written(tmp_path, "c.yaml", about="C", extends="b.yaml", fill={"WHAT": "cows"}), TABLE)
    assert (pack.prompts["tell"], pack.layout) == ("Of cows by the dog.", "own")


def test_a_pack_may_extend_a_pack_of_ours_by_name(tmp_path):
    mine = written(
        tmp_path,
        "cam.yaml",
        about="Cam",
        extends="traffic",
        prompts={"event_summary": "{step_2_output} in {video_length}"},
    )
    pack, base = load_pack(mine, PROMPTS), load_pack("traffic", PROMPTS)
    assert {key for key in PROMPTS if pack.prompts[key] != base.prompts[key]} == {"event_summary"}
    assert pack.hash("anomaly_mcq") == base.hash("anomaly_mcq") and pack.system == base.system


def test_packs_that_extend_each_other_are_refused_and_named(tmp_path):
    first = written(tmp_path, "a.yaml", about="A", extends="b.yaml")
    written(tmp_path, "b.yaml", about="B", extends="a.yaml")
    with pytest.raises(ConfigError, match="a.yaml extends b.yaml extends a.yaml"):
        load_pack(first, TABLE)


def test_a_fault_in_a_prompt_is_told_of_the_file_that_it_stands_in(tmp_path):
    write_pack(tmp_path, prompts={"ask": "No name."})
    with pytest.raises(ConfigError, match=r"mine\.yaml: the prompt 'ask' must use"):
        load_pack(written(tmp_path, "own.yaml", about="Own", extends="mine.yaml"), TABLE)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        pytest.param("hens", "Of hens.\n- hens\nEnd.", id="words_stand_in_the_place_of_the_blank"),
        pytest.param("", "End.", id="empty_words_take_their_line_away"),
        pytest.param(["a", "b"], "Of\n- a\n- b.\n- a\n- b\nEnd.", id="a_list_starts_on_its_own_line"),
        pytest.param("{0} % [x] $", "Of {0} % [x] $.\n- {0} % [x] $\nEnd.", id="words_are_text_and_no_template"),
    ],
)
def test_blanks(tmp_path, words, text):
    path = write_pack(tmp_path, prompts={"tell": "Of [BIRD].\n- [BIRD]\nEnd."}, fill={"BIRD": words})
    told = load_pack(path, TABLE).prompts["tell"]
    assert [line.rstrip() for line in told.splitlines()] == text.splitlines()


def test_a_blank_counts_only_in_a_prompt_that_is_asked(tmp_path):
    path = write_pack(tmp_path, prompts={"tell": "Of [BIRD]."}, fill={"BIRD": None})
    assert load_pack(path, TABLE, used=["ask"]).prompts["tell"] == "Of [BIRD]."
    with pytest.raises(ConfigError, match="BIRD"):
        load_pack(path, TABLE, used=["ask", "tell"])


@pytest.mark.parametrize("text", ["[A]", "[MM:SS]", "[Dense Caption]", "[where]", "[t1]", "[A1]"])
def test_other_brackets_are_text(tmp_path, text):
    assert load_pack(write_pack(tmp_path, prompts={"tell": text}), TABLE).prompts["tell"] == text


# ---- the packs of the house ----------------------------------------------------------------------------------------

FULL = ("general", "traffic", "warehouse")
VALUES = {
    "video_length": "12.0",
    "chunk_duration": "5.0",
    "start_time": "3.0",
    "end_time": "9.0",
    "duration": "6.0",
    "anomaly_time": "6.0",
    "step_2_output": "<step_2_output>",
} | {
    name: f"<{name}>"
    for name in ("global_caption", "dense_caption", "dense_section", "chunk_captions_str", "highlight_section")
}
# What a reply may come to say when a prompt talks of its own sources.
LEAKS = ("according to the", "as described in", "based on the caption", "based on the description", "the caption says")


@pytest.fixture(scope="module")
def filled_template(tmp_path_factory) -> str:
    """The template as somebody leaves it who wrote a few words everywhere."""
    words = {name: f"words for {name.lower()}" for name in read_pack_text("template").placeholders}
    return written(tmp_path_factory.mktemp("pack"), "filled.yaml", about="Filled", extends="template", fill=words)


@pytest.fixture(params=[*FULL, "template, filled in"])
def pack(request, filled_template):
    return load_pack(request.param if request.param in FULL else filled_template, PROMPTS)


def test_every_prompt_renders_with_nothing_left_to_fill_in(pack):
    for key in PROMPTS:
        text = pack.render(key, VALUES)
        assert "{" not in text and not re.search(r"\[[A-Z_0-9]{3,}\]", text), key


def test_no_prompt_teaches_the_leak(pack):
    for key in PROMPTS:
        text = " ".join(pack.prompts[key].split()).casefold()
        assert not [leak for leak in LEAKS if leak in text], key
        if key in {qa_key(mode, kind) for mode in ("anomaly", "normal") for kind in QA_TYPES}:
            assert "never mention it" in text, key


def test_every_question_sees_all_that_is_known_of_the_video(pack):
    for key in (qa_key(mode, kind) for mode in ("anomaly", "normal") for kind in QA_TYPES):
        assert "{step_2_output}" in pack.prompts[key], key
        if key.startswith("anomaly") and not key.endswith(QA_TYPES[3:]):
            assert "{highlight_section}" in pack.prompts[key], key


def test_multiple_choice_speaks_of_no_option_by_its_letter_in_the_reasoning(pack):
    for mode in ("anomaly", "normal"):
        assert "never by their letters" in " ".join(pack.prompts[f"{mode}_mcq"].split())


def test_forms_that_the_program_reads_are_asked_for_by_every_pack(pack):
    for mode in ("anomaly", "normal"):
        assert "<HH:MM:SS><HH:MM:SS>" in pack.prompts[f"{mode}_dense_caption"]
        assert "<MM:SS><MM:SS>" in pack.prompts[f"{mode}_description"]
        assert "MM:SS" in pack.prompts[f"{mode}_temporal_localization"]


def test_no_two_prompts_of_a_pack_are_the_same(pack):
    assert len(set(pack.prompts.values())) == 26


@pytest.mark.parametrize("name", ["traffic", "warehouse"])
def test_a_domain_pack_words_every_prompt_for_its_domain(name):
    pack, general = load_pack(name, PROMPTS), load_pack("general", PROMPTS)
    assert [key for key in PROMPTS if pack.prompts[key] == general.prompts[key]] == []


def test_the_traffic_pack_takes_no_dashcam():
    told = load_pack("traffic", PROMPTS).prompts["video_filtering"].partition("not usable when")[2]
    assert "dashcam" in told.partition(".")[0]


def test_the_template_has_a_placeholder_in_every_prompt_and_explains_each():
    text = read_pack_text("template")
    unfilled = list(text.unfilled())
    assert {key for key, _ in unfilled} == {"system", *PROMPTS}
    assert {name for _, name in unfilled} == set(text.placeholders)
    assert {"DOMAIN", "POSITIVE_CRITERION_1", "ANOMALY_DEFINITION", "MUST_CAPTURE"} <= set(text.placeholders)


def test_what_the_template_calls_optional_stands_on_lines_that_can_go():
    text = read_pack_text("template")
    optional = {name for name, told in text.placeholders.items() if told.startswith("Optional")}
    for prompt in text.prompts.values():
        for line in prompt.splitlines():
            names = re.findall(r"\[([A-Z_0-9]{3,})\]", line)
            if optional & set(names):
                assert len(names) == 1 and line.rstrip().endswith(f"[{names[0]}]"), line


def test_no_run_starts_with_the_template_unfilled():
    with pytest.raises(ConfigError, match=r"still has the placeholder \[DOMAIN\] and 44 more.*workshop --check"):
        load_pack("template", PROMPTS)
