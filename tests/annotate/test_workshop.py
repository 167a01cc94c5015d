"""The workshop at a real terminal, from a file of answers, and its looks at packs."""

import fcntl
import io
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
import yaml

from annotate.video_reasoning.config import Spec
from annotate.video_reasoning.prompt_keys import PROMPTS, used_keys
from annotate.workshop.answers import STEPS, Answers, missing, needed, read_answers
from annotate.workshop.pack import pack_yaml, pilot
from annotate.workshop.talk import edited
from demitasse.cli import main
from demitasse.errors import ConfigError
from demitasse.prompts import load_pack, read_pack_text

TEMPLATE = read_pack_text("template")


def _at_a_terminal() -> None:
    """Ctrl-C must reach the child, also where the tests run in the background and SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """The workshop in a process of its own behind a pseudo-terminal, as a person has it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._end, theirs = pty.openpty()
        self._read = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import sys; from demitasse.cli import main; sys.exit(main())", "annotate"]
            + ["workshop", *arguments],
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_at_a_terminal,
        )
        os.close(theirs)

    def until(self, text: str, seconds: float = 120.0) -> str:
        """What has been shown up to a text; it is taken off."""
        limit = time.monotonic() + seconds
        while text not in self._read:
            assert time.monotonic() < limit, f"'{text}' was not shown, but: {self._read[-600:]}"
            if select.select([self._end], [], [], 0.1)[0]:
                try:
                    self._read += os.read(self._end, 4096).decode("utf-8", "replace")
                except OSError:  # the other end is closed
                    assert text in self._read, f"it ended without '{text}': {self._read[-600:]}"
        shown, self._read = self._read.split(text, 1)
        return shown

    def answer(self, *lines: str) -> None:
        """Type each line when the prompt is there."""
        for line in lines:
            self.until("> ")
            os.write(self._end, f"{line}\n".encode())

    def interrupt(self, text: str) -> None:
        """Ctrl-C at the prompt, and again where it is not heard: `input` loses one that comes before it waits."""
        self.until("> ")
        for _ in range(5):
            os.write(self._end, b"\x03")
            try:
                self.until(text, 4.0)
            except AssertionError:
                continue
            return
        self.until(text, 0.1)

    def code(self) -> int:
        return self.process.wait(120)


PHASE_ONE = [
    "Kittens in a nursery",
    "4 8",
    "which kitten, by markings",
    "",
    "jumping and falling",
    "who washes whom",
    "",
    "",
    "",
]


def test_a_person_is_walked_through_is_interrupted_and_goes_on(tmp_path):
    first = Terminal(tmp_path, "--out", "kittens.yaml")
    first.answer(*PHASE_ONE)
    shown = first.until("Should capture, where it is seen: nothing")
    assert "  2  jumping and falling" in shown
    first.answer("s 3", "x 9")
    first.until("'x 9' is not understood")
    first.answer("")
    first.until("3. The words of the prompts")
    first.answer("kittens in a nursery, {seen} from above")
    first.until("has {seen}")
    first.answer("kittens in a nursery, seen from above")
    first.until("[2/")
    first.interrupt("Your answers are kept in kittens.answers.yaml")
    assert first.code() == 130 and not (tmp_path / "kittens.yaml").exists()

    second = Terminal(tmp_path, "--out", "kittens.yaml")
    second.until("Going on with the answers in kittens.answers.yaml")
    assert "one line?" not in second.until("[1/")
    left = missing(read_answers(tmp_path / "kittens.answers.yaml", TEMPLATE), TEMPLATE)
    lines = []
    for name in left:
        lines += ["<00:00:00><00:00:02> A kitten sleeps.", ""] if name.endswith("_LINES") else [f"words {name.lower()}"]
    second.answer(*lines)
    second.until("Try it on 5 to 10 videos")
    assert second.code() == 0 and len(left) > 10

    pack = load_pack(str(tmp_path / "kittens.yaml"), PROMPTS, used_keys(STEPS, ["causal_linkage", "event_summary"]))
    account = pack.prompts["normal_global_caption"]
    assert "footage of kittens in a nursery, seen from above" in account.replace("\n", " ")
    assert "- which kitten, by markings\n- jumping and falling" in account
    assert "should also hold:\n- who washes whom" in account


def test_the_end_of_the_input_is_an_interruption(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("Owls\n1\n"))
    assert main(["annotate", "workshop", "--out", "owls.yaml"]) == 130
    kept = yaml.safe_load((tmp_path / "owls.answers.yaml").read_text())
    assert kept["about"] == "Owls" and kept["qa_types"] == ["mcq"]
    assert "the same command goes on" in capsys.readouterr().err


def test_question_types_that_are_given_are_not_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["annotate", "workshop", "--out", "owls.yaml", "--qa-types", "mcq"]) == 130
    assert "Nothing was answered" in capsys.readouterr().err and list(tmp_path.iterdir()) == []
    monkeypatch.setattr("sys.stdin", io.StringIO("Owls\n"))
    assert main(["annotate", "workshop", "--out", "owls.yaml", "--qa-types", "mcq"]) == 130
    assert "Which questions" not in capsys.readouterr().out


def answers_file(folder: Path, **changes) -> Path:
    fill = {name: f"words {name.lower()}" for name in needed(TEMPLATE, ["bcq"])}
    content = {"about": "Owls: at night", "qa_types": ["bcq"], "fill": fill | changes.pop("fill", {})} | changes
    path = folder / "answers.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def test_answers_in_a_file_make_the_pack_without_a_question(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("it asked"))
    fill = {"MUST_CAPTURE": ["a: b", "# c"], "ANOMALY_EXAMPLE_LINES": "<00:00:00><00:00:01> x\n<00:00:01><00:00:02> y"}
    answers_file(tmp_path, fill=fill)
    assert main(["annotate", "workshop", "--out", "owls.yaml", "--answers", "answers.yaml"]) == 0
    assert capsys.readouterr().err == ""
    pack = load_pack("owls.yaml", PROMPTS, used_keys(STEPS, ["bcq"]))
    assert pack.about == "Owls: at night"
    assert "- a: b\n- # c" in pack.prompts["normal_dense_caption"]
    assert "y\n\nSay in the lines" in pack.prompts["anomaly_dense_caption"]


def test_an_answers_file_that_is_silent_on_an_optional_placeholder_leaves_it_out(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    optional = [name for name, explanation in TEMPLATE.placeholders.items() if explanation.startswith("Optional")]
    path = answers_file(tmp_path)
    content = yaml.safe_load(path.read_text())
    silent = {name: words for name, words in content["fill"].items() if name not in optional}
    assert len(silent) < len(content["fill"])
    path.write_text(yaml.safe_dump(content | {"fill": silent}))
    assert main(["annotate", "workshop", "--out", "owls.yaml", "--answers", "answers.yaml"]) == 0
    assert capsys.readouterr().err == ""
    load_pack("owls.yaml", PROMPTS, used_keys(STEPS, ["bcq"]))


def test_placeholders_left_unfilled_are_named_and_stop_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    answers_file(tmp_path, fill={"DOMAIN": None, "MUST_CAPTURE": [], "ANOMALY_EXAMPLE_3": ""})
    assert main(["annotate", "workshop", "--out", "owls.yaml", "--answers", "answers.yaml"]) == 3
    told = capsys.readouterr().err
    assert re.findall(r"\[([A-Z_0-9]+)\] is not filled in", told) == ["DOMAIN", "MUST_CAPTURE"]
    with pytest.raises(ConfigError, match=r"\[DOMAIN\]"):
        load_pack("owls.yaml", PROMPTS, used_keys(STEPS, ["bcq"]))
    assert main(["annotate", "workshop", "--check", "owls.yaml", "--qa-types", "bcq"]) == 3
    told = capsys.readouterr().out
    assert (
        "[DOMAIN] is not filled in; it stands in system, video_filtering" in told and "2 placeholders are left" in told
    )


def test_only_what_the_question_types_need_is_asked():
    few, all_of_them = needed(TEMPLATE, ["bcq"]), needed(TEMPLATE, ["mcq", "bcq"])
    assert "ANOMALY_BCQ_EXAMPLE" in few and "ANOMALY_MCQ_EXAMPLE" not in few and "LINK_KINDS" not in few
    assert set(all_of_them) - set(few) == {"ANOMALY_MCQ_EXAMPLE", "NORMAL_MCQ_EXAMPLE"}


def test_a_written_pack_says_what_each_word_is_for_and_reads_back_to_the_same_words():
    words = {
        name: f"words: {name.lower()} - 'so' \"said\" # {number} é" for number, name in enumerate(TEMPLATE.placeholders)
    }
    words |= {"DOMAIN": "long " * 40 + "end", "MUST_CAPTURE": ["on", "1e3", "- x"], "RULES_TO_WEIGH": ""}
    text = pack_yaml(Answers("About: it", ["mcq"], True, dict(words)), TEMPLATE)
    read = yaml.safe_load(text)
    assert read["extends"] == "template" and read["about"] == "About: it"
    assert read["fill"] == {name: words[name] for name in needed(TEMPLATE, ["mcq"])}
    assert max(map(len, text.splitlines())) <= 125
    assert text.count("\n  # ") > len(read["fill"])


def test_the_commands_of_the_pilot_are_commands_that_we_have(tmp_path):
    lines = pilot("my pack.yaml", ["mcq", "bcq"]).replace("\\\n", " ").splitlines()
    commands = [shlex.split(line.split("   (")[0]) for line in lines if line.startswith("  demitasse")]
    assert [words[:3] for words in commands] == [
        ["demitasse", "annotate", "video"],
        ["demitasse", "check", "--config"],
        ["demitasse", "annotate", "video"],
    ]
    config = Spec.read_draft(None, commands[2][5:]).video_reasoning_annotation
    assert (config.prompts, config.workflow.qa_types) == ("my pack.yaml", ["mcq", "bcq"])


@pytest.mark.parametrize(
    ("word", "must", "should", "said"),
    [
        pytest.param("s 1 3", ["b"], ["a", "c"], "", id="to_the_second_tier"),
        pytest.param("d 2", ["a", "c"], [], "", id="dropped"),
        pytest.param("+ all of it", ["a", "b", "c", "all of it"], [], "", id="added"),
        pytest.param("+ a {b}", ["a", "b", "c"], [], "it has {b}", id="braces_are_refused"),
        pytest.param("s 4", ["a", "b", "c"], [], "not understood", id="a_number_that_is_not_there"),
        pytest.param("s", ["a", "b", "c"], [], "not understood", id="no_number"),
        pytest.param("why", ["a", "b", "c"], [], "not understood", id="another_word"),
    ],
)
def test_the_checklist_is_edited_by_one_line(word, must, should, said):
    given: tuple[list[str], list[str]] = (["a", "b", "c"], [])
    assert said in edited(*given, word)
    assert given == (must, should)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--out", "pack.txt"], "a pack's file ends in .yaml", id="another_ending"),
        pytest.param(["--out", "there.yaml"], "there.yaml is there already: edit it", id="a_pack_that_is_there"),
        pytest.param(
            ["--out", "there.yaml/x.yaml", "--answers", "fine.yaml"], "cannot be written", id="a_folder_that_is_a_file"
        ),
        pytest.param(["--check", "general", "--answers", "fine.yaml"], "go with --out alone", id="answers_for_a_check"),
        pytest.param(["--out", "x.yaml", "--qa-types", "open"], "did you mean 'open_qa'", id="an_unknown_type_to_ask"),
        pytest.param(["--check", "nothing.yaml"], "nothing.yaml cannot be read", id="no_such_pack"),
        pytest.param(["--check", "general", "--qa-types", "mqc"], "did you mean 'mcq'", id="an_unknown_question_type"),
        pytest.param(
            ["--out", "x.yaml", "--answers", "typo.yaml"], "did you mean 'DOMAIN'", id="an_unknown_placeholder"
        ),
        pytest.param(["--out", "x.yaml", "--answers", "braces.yaml"], "has {seen}", id="braces_in_the_words"),
        pytest.param(["--out", "x.yaml", "--answers", "blank.yaml"], "has [PLACE]", id="a_blank_in_the_words"),
        pytest.param(["--out", "x.yaml", "--answers", "empty.yaml"], "'about' is missing", id="no_domain"),
    ],
)
def test_it_refuses_in_one_line(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    Path("there.yaml").write_text("about: mine\n")
    Path("typo.yaml").write_text("about: a\nfill: {DOMIAN: x}\n")
    Path("braces.yaml").write_text("about: a\nfill: {DOMAIN: 'x {seen}'}\n")
    Path("blank.yaml").write_text("about: a\nfill: {MUST_CAPTURE: ['in [PLACE]']}\n")
    Path("fine.yaml").write_text("about: a\n")
    Path("empty.yaml").write_text("fill: {}\n")
    assert main(["annotate", "workshop", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1
    assert Path("there.yaml").read_text() == "about: mine\n" and not Path("x.yaml").exists()


def test_a_pack_that_is_complete_is_said_to_be(capsys):
    assert main(["annotate", "workshop", "--check", "traffic"]) == 0
    assert "complete, nothing is left to be filled in" in capsys.readouterr().out


def test_show_prints_a_packs_prompts_with_its_blanks_filled(capsys):
    assert main(["annotate", "workshop", "--show", "warehouse", "--qa-types", "bcq"]) == 0
    shown = capsys.readouterr().out
    assert "==== system" in shown and "==== anomaly_bcq" in shown and "==== anomaly_mcq" not in shown
