"""A TAO-style Python prompts module in the place of a pack."""

import re
import sys
from pathlib import Path

import pytest

from annotate.video_reasoning.config import SECTION
from annotate.video_reasoning.prompt_keys import PROMPTS
from demitasse.chat.model import Outcome, Reply
from demitasse.errors import ConfigError
from demitasse.prompts import Placeholders, load_module, load_pack

TABLE = {
    "ask": Placeholders(frozenset({"caption"}), frozenset({"length"})),
    "tell": Placeholders(),
}
GOOD = """PROMPT_TEMPLATES = {"ask": "What is {caption}?", "tell": "Tell."}\n"""


def module(folder: Path, code: str = GOOD, name: str = "mine.py") -> str:
    path = folder / name
    path.write_text(code, encoding="utf-8")
    return str(path)


def templates(**texts: str) -> str:
    return f"PROMPT_TEMPLATES = { ({'ask': 'What is {caption}?', 'tell': 'Tell.'} | texts)!r}\n"


def tao_module(folder: Path) -> str:
    """Our general pack as TAO's users would write it: every brace that is text doubled, TAO's own grammar."""
    pack = load_pack("general", PROMPTS)
    texts = {key: text.replace("{", "{{").replace("}", "}}") for key, text in pack.prompts.items()}
    texts = {key: re.sub(r"\{(\{\w+\})\}", r"\1", text) for key, text in texts.items()}
    return module(folder, f"PROMPT_TEMPLATES = {texts!r}\n")


def test_a_module_is_the_pack_that_str_format_makes_of_it(tmp_path):
    text = 'Is {caption} as {{"start": "MM:SS"}}, {{}}, in {length:.1f} or {length!s} s?'
    pack = load_module(module(tmp_path, templates(ask=text)), TABLE)
    assert pack.render("ask", {"caption": "{x}", "length": "9.0"}) == text.replace(":.1f", "").format(
        caption="{x}", length="9.0"
    )
    assert (pack.name, pack.system, pack.layout) == ("mine", "", "own")


def test_a_dotted_name_is_found_from_the_folder_of_the_run(tmp_path, monkeypatch):
    package = tmp_path / "our" / "prompts"
    package.mkdir(parents=True)
    module(package, name="cows.py")
    monkeypatch.chdir(tmp_path)
    assert load_module("our.prompts.cows", TABLE).prompts["tell"] == "Tell."


def test_a_module_file_may_import_its_neighbours(tmp_path):
    module(tmp_path, GOOD, "base.py")
    assert load_module(module(tmp_path, "from base import PROMPT_TEMPLATES\n"), TABLE).prompts["tell"] == "Tell."


def test_more_keys_than_ours_are_let_be(tmp_path):
    assert set(load_module(module(tmp_path, templates(newer="{x} {0}")), TABLE).prompts) == set(TABLE)


def test_the_module_runs_in_a_process_of_its_own_without_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    seen = tmp_path / "seen"
    code = f"import os, sys\nprint('noise')\nsys.path.clear()\nopen({str(seen)!r}, 'w').write(repr(dict(os.environ)))\n"
    before = list(sys.path)
    assert load_module(module(tmp_path, code + GOOD), TABLE).prompts["tell"] == "Tell."
    assert sys.path == before and "mine" not in sys.modules
    assert "PATH" in seen.read_text() and "canary" not in seen.read_text()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("x = 1", "no dictionary PROMPT_TEMPLATES", id="a_missing_attribute"),
        pytest.param("PROMPT_TEMPLATES = []", "no dictionary PROMPT_TEMPLATES", id="a_list"),
        pytest.param(
            'PROMPT_TEMPLATES = {"tell": "x"}', "lacks 'ask'; all 2 prompts must be there", id="a_missing_key"
        ),
        pytest.param(templates(tell=""), "'tell' is empty", id="an_empty_prompt"),
        pytest.param("PROMPT_TEMPLATES = {'ask': 1, 'tell': 'x'}", "'ask' is empty or not text", id="no_text"),
        pytest.param(templates(ask="What?"), "must use '{caption}'", id="a_missing_placeholder"),
        pytest.param(templates(ask="{captoin}"), "did you mean 'caption'", id="an_unknown_placeholder"),
        pytest.param(templates(tell='as {"a": 1}'), "'tell' uses {\"a\": 1}", id="braces_that_are_not_doubled"),
        pytest.param(templates(tell="a } b"), "'tell' is no str.format template", id="a_single_brace"),
        pytest.param(templates(ask="{caption:>20}"), "{caption:>20}, which cannot be", id="another_format"),
        pytest.param(templates(ask="{caption!r}"), "{caption!r}, which cannot be", id="a_conversion"),
        pytest.param(templates(ask="{caption.text}"), "{caption.text}, which cannot be", id="an_attribute"),
        pytest.param(templates(ask="{}"), "{}, which cannot be", id="a_place_without_a_name"),
        pytest.param(templates(ask="{caption} {{length}}"), "{length}, which would be filled in", id="braces_as_text"),
        pytest.param(templates(tell="In [DOMAIN]."), "still has the placeholder [DOMAIN]", id="an_unfilled_blank"),
        pytest.param("import nowhere", "ModuleNotFoundError: No module named 'nowhere' (mine.py, line 1)", id="import"),
        pytest.param("\nx = y", "NameError: name 'y' is not defined (mine.py, line 2)", id="a_fault_in_its_code"),
        pytest.param("def (", "SyntaxError", id="code_that_is_none"),
        pytest.param("raise SystemExit(0)", "SystemExit: 0", id="an_exit"),
        pytest.param("import os; os._exit(7)", "ended the process it ran in (exit code 7)", id="a_hard_exit"),
    ],
)
def test_a_module_is_refused_for(tmp_path, code, said):
    with pytest.raises(ConfigError, match=r"mine\.py") as refusal:
        load_module(module(tmp_path, code), TABLE)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_module_that_is_not_there_is_an_error_and_no_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("no.such.module", "nothing.py"):
        with pytest.raises(ConfigError, match=f"{name}: it cannot be imported"):
            load_module(name, TABLE)


def test_an_import_that_does_not_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("demitasse.prompts.module._MOST_SECONDS", 0.5)
    with pytest.raises(ConfigError, match="took more than"):
        load_module(module(tmp_path, "while True: pass"), TABLE)


def test_taos_documented_modules_are_not_there_and_the_error_names_our_packs(desk):
    with pytest.raises(ConfigError, match=rf"{SECTION}.prompts_module: .*{SECTION}.prompts=traffic"):
        desk.annotate("prompts_module=nvidia_tao_ds.auto_label.video_reasoning_annotation.prompts_traffic")
    assert not desk.out.exists()


def test_a_module_is_asked_in_its_own_words_and_answered_in_taos_grammar(desk, tmp_path):
    """No JSON is asked for, nothing of ours is added, and items come of it."""
    desk.put("a.mp4", "anomaly")
    teacher = desk.teacher()
    annotated = desk.annotate(f"prompts_module={tao_module(tmp_path)}", vlm=teacher)
    assert annotated.exit_code == 0 and annotated.assembled is not None
    assert len(annotated.assembled.counts) == 10
    assert [request for request in teacher.asked if request.schema is not None or request.system] == []
    added = [request.step for request in teacher.asked if "=====" in request.text or "JSON" in request.text]
    assert added == []


def test_a_reply_to_a_module_that_is_in_no_form_is_asked_again(desk, tmp_path):
    desk.put("a.mp4", "normal")
    replies = iter(["Hm.", "=====\nOpen-ended Question: Why?\n=====\nAnswer: So.\n=====\nReasoning: Seen."])
    teacher = desk.teacher(normal_open_qa=lambda request: Reply(Outcome.SUCCESS, next(replies), model="t"))
    annotated = desk.annotate(f"prompts_module={tao_module(tmp_path)}", "workflow.qa_types=[open_qa]", vlm=teacher)
    assert annotated.exit_code == 0 and teacher.steps().count("normal_open_qa") == 2


def block(question: str, answer: str, number: str = "", label: str = "Question") -> str:
    return f"=====\n{number}{label}: {question}\n======\nAnswer: {answer}\n=====\nReasoning: It is seen at 00:02.\n"


TAO_REPLIES = {
    "video_filtering": "Yes",
    "video_anomaly_classification": "A light comes on.\n\nNothing else does.\n\nAnomaly",
    "highlight_timestamp_extraction": "3.5",
    "anomaly_mcq": block("Which?\nA. one\nB. two\nC. three\nD. four", "B", label="Multiple-Choice Question"),
    "anomaly_bcq": block("Is it on?", "Yes. It shines.", "1. ") + block("Is it off?", "No. It shines.", "2. "),
    "anomaly_open_qa": block("Why?", "For this.", label="Open-ended Question"),
    "anomaly_causal_linkage": block("How does 00:01 bear on 00:03?", "It leads to it."),
    "anomaly_temporal_localization": block("When is it on?", "Start_Time: [00:02], End_Time: [00:04]"),
    "anomaly_temporal_event_desc": block("What happens between 00:01 and 00:03?", "It goes on."),
    "scene_description": block("Where is this?", "A room."),
    "event_summary": block("What happens?", "It goes on and off."),
}


def test_every_step_reads_what_taos_prompts_ask_for(desk, tmp_path):
    desk.put("a.mp4", "anomaly")
    teacher = desk.teacher(**TAO_REPLIES)
    annotated = desk.annotate(f"prompts_module={tao_module(tmp_path)}", vlm=teacher)
    assert annotated.exit_code == 0 and annotated.assembled is not None
    assert sum(annotated.assembled.counts.values()) == 12
    assert len(teacher.steps()) == len(set(teacher.steps())) + teacher.steps().count("anomaly_chunk_caption") - 1
