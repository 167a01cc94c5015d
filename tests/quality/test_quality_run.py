import json
import subprocess
import sys
from pathlib import Path

import pytest

from annotate.quality.config import FILTERS, read_quality
from annotate.quality.pipeline import filter_items
from demitasse.cli import main
from demitasse.dataset import read_folder
from demitasse.errors import ConfigError

LEAK = {
    "video_id": "a.mp4",
    "question": "What happens?",
    "answer": "It rains.",
    "reasoning": "According to the caption.",
}
GOOD = {
    "video_id": "a.mp4",
    "question": "Who comes?",
    "answer": "A man.",
    "reasoning": "He enters.",
    "video_length": 9.0,
}
MCQ = "Which tool falls in {}?\nA. hammer\nB. wrench\nC. saw\nD. drill\nAnswer with a single letter."


def _text(item):
    return json.dumps({key: value for key, value in item.items() if key != "quality"}, sort_keys=True)


def test_kept_and_rejected_together_are_the_input_and_each_item_carries_its_verdicts(bench):
    items = [GOOD, LEAK, GOOD | {"video_id": "b.mp4", "answer": "At 00:30.", "mine": [1, {"x": None}]}]
    bench.put("open_qa", *items)
    bench.put("bcq", {"video_id": "a.mp4", "question": "Is it?\nAnswer with Yes or No.", "answer": "Perhaps"})
    _, report = bench.run()
    kept, rejected = bench.written("kept"), bench.written("rejected")
    data = [item for path in sorted(bench.data.glob("*.json")) for item in json.loads(path.read_text())["items"]]
    assert sorted(map(_text, kept + rejected)) == sorted(map(_text, data))
    assert [item["quality"]["leak"]["verdict"] for item in rejected] == ["drop", "keep"]
    assert rejected[1]["quality"]["times"]["reason"] == "answer: 00:30 is after the video's end (9.0 s)"
    assert (report["total"], report["kept"], report["rejected"], report["kept_unjudged"]) == (4, 2, 2, 1)


def test_every_filter_accounts_for_every_item(bench):
    bench.put("open_qa", GOOD, LEAK)
    bench.put("mcq", {"video_id": "a.mp4", "question": MCQ.format(1), "answer": "B"})
    _, report = bench.run(f"filters=[{','.join(FILTERS)}]", "consistency.model=true")
    assert list(report["filters"]) == list(FILTERS)
    for told in report["filters"].values():
        assert told["keep"] + told["drop"] + told["unknown"] == 3
        assert sum(sum(words.values()) for words in told["tasks"].values()) == 3


def test_a_filter_that_only_flags_rejects_nothing_but_says_its_word(bench):
    bench.put("open_qa", GOOD, LEAK)
    _, report = bench.run("flag_only=[leak]")
    assert report["rejected"] == 0 and report["filters"]["leak"]["drop"] == 1
    assert not list((bench.out / "rejected").glob("*.json"))


def test_what_no_filter_can_judge_is_kept_unless_that_is_not_wanted(bench):
    bench.put("open_qa", LEAK | {"reasoning": "It rains at 00:05."})
    assert bench.run("filters=[times]")[1]["kept"] == 1
    assert bench.run("filters=[times]", "drop_unknown=true")[1]["rejected"] == 1
    assert not list((bench.out / "kept").glob("*.json"))  # what the first run wrote is gone


def test_the_length_comes_from_the_item_or_its_provenance_or_the_file(bench, toy_clips):
    late = GOOD | {"video_id": "00000.mp4", "answer": "At 00:12."}
    plain = {key: value for key, value in late.items() if key != "video_length"}
    items = [late | {"video_length": 20.0}, plain | {"provenance": {"video_length": 20.0}}, plain]
    bench.put("open_qa", *items, media_root=str(toy_clips))
    words = [verdict["verdict"] for verdict in bench.verdicts("times")]
    assert words == ["keep", "keep", "drop"]  # the file itself is 8 s long


def test_of_duplicates_the_one_that_the_other_filters_keep_stays(bench):
    bench.put("open_qa", LEAK, LEAK | {"reasoning": "Drops fall."}, LEAK | {"reasoning": "Puddles grow."})
    found, _ = bench.run()
    words = [found.verdicts[entry.id]["duplicates"].kind for entry in found.entries]
    assert words == ["not asked", "", "same question, same video"]


def test_a_model_is_not_asked_about_what_is_dropped_for_free(bench):
    bench.put(
        "mcq", {"video_id": "a.mp4", "question": MCQ.format(1), "answer": "B", "reasoning": "The caption says so."}
    )
    model = bench.model()
    found, report = bench.run("filters=[leak,blind]", model=model)
    assert not model.asked and report["filters"]["blind"]["kinds"] == {"unknown": {"not asked": 1}}
    bench.run("filters=[leak,blind]", "flag_only=[leak]", model=model)
    assert model.asked


def test_verdicts_of_an_earlier_pass_stay_beside_new_ones(bench):
    bench.put("open_qa", GOOD | {"quality": {"mine": {"verdict": "keep"}, "leak": {"verdict": "drop"}}})
    bench.run("filters=[leak]")
    (item,) = bench.written("kept")
    assert item["quality"] == {"mine": {"verdict": "keep"}, "leak": {"verdict": "keep"}}


def test_letters_are_permuted_last_over_what_is_left(bench):
    bench.put("mcq", *({"video_id": f"{n}.mp4", "question": MCQ.format(n), "answer": "A"} for n in range(100)))
    _, report = bench.run("filters=[letters]", "letters.fix=true")
    assert report["balance"]["before"]["mcq.json"]["letters"]["4"]["counts"]["A"] == 100
    assert report["balance"]["after"]["mcq.json"]["letters"]["4"]["counts"] == dict.fromkeys("ABCD", 25)
    assert all(item["question"].splitlines()[1 + "ABCD".index(item["answer"])].endswith("hammer")
               for item in bench.written("kept"))  # fmt: skip


def test_the_same_data_make_the_same_files(bench, tmp_path):
    bench.put("mcq", *({"video_id": f"{n}.mp4", "question": MCQ.format(n), "answer": "A"} for n in range(9)))
    files = []
    for _ in range(2):
        bench.run("filters=[blind,letters,leak]", "letters.fix=true")
        files.append({path: path.read_bytes() for path in bench.out.rglob("*") if path.suffix in (".json", ".md")
                      and "filters" not in path.parts and path.name != "LOCK.json"})  # fmt: skip
    assert files[0] == files[1]


def test_an_identity_survives_another_order_and_exact_repetitions_stay_apart(bench):
    bench.put("open_qa", GOOD, LEAK, GOOD)
    first = [entry.id for entry in bench.run()[0].entries]
    bench.put("open_qa", LEAK, GOOD, GOOD)
    second = [entry.id for entry in bench.run()[0].entries]
    assert sorted(first) == sorted(second) and len(set(first)) == 3 and first[2] == f"{first[0]}#2"


def test_a_killed_run_goes_on_where_it_was_and_buys_nothing_twice(bench):
    bench.put("mcq", *({"video_id": f"{n}.mp4", "question": MCQ.format(n), "answer": "B"} for n in range(8)))
    script = Path(__file__).with_name("killed_quality.py")
    command = [sys.executable, str(script), str(bench.data), str(bench.out), "7"]
    root = Path(__file__).parents[2]
    ended = subprocess.run(command, cwd=root, env={"PYTHONPATH": str(root)}, capture_output=True, timeout=300)
    assert ended.returncode == -9, ended.stderr.decode()
    model, whole = bench.model(), bench.model()
    resumed = bench.verdicts("blind", "max_workers=1", model=model)
    bench.out = bench.out.with_name("other")
    assert resumed == bench.verdicts("blind", "max_workers=1", model=whole)
    # Of the seven replies all are kept; the eighth request was in flight.
    assert len(model.asked) == len(whole.asked) - 7


# --- the command ------------------------------------------------------------------------------------------------


@pytest.fixture
def data(bench) -> Path:
    bench.put("open_qa", GOOD, LEAK)
    return bench.data


ORDERS = [
    pytest.param(lambda data, out: [data, "--out", out, "--quiet", "filters=[leak]"], id="overrides_last"),
    pytest.param(lambda data, out: [data, "filters=[leak]", "--out", out], id="overrides_in_the_middle"),
    pytest.param(lambda data, out: ["--out", out, data, "filters=[leak]"], id="options_first"),
    pytest.param(lambda data, out: [f"{data}/open_qa.json", "--out", out, "filters=[leak]"], id="one_file"),
]


@pytest.mark.parametrize("words", ORDERS)
def test_the_command_filters_and_says_all_in_its_last_line(data, tmp_path, capsys, words):
    out = tmp_path / "out"
    assert main(["annotate", "quality", *map(str, words(data, out))]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"2 items: 1 kept, 1 rejected (leak 1): {out}"
    assert {path.name for path in out.iterdir()} >= {"kept", "rejected", "quality.json", "quality.md", "quality.yaml"}
    assert list(json.loads((out / "quality.json").read_text())["filters"]) == ["leak"]


def test_what_could_not_be_judged_ends_with_three(bench, tmp_path, capsys):
    bench.put("open_qa", LEAK | {"reasoning": "It rains at 00:05."})
    assert main(["annotate", "quality", str(bench.data), "--out", str(tmp_path / "out"), "--quiet"]) == 3
    assert "1 of the kept could not be judged by every filter" in capsys.readouterr().out


def test_the_official_validator_takes_both_folders(bench, tmp_path, toy_clips):
    items = [one | {"video_id": "00000.mp4"} for one in (GOOD, LEAK)]
    bench.put("open_qa", *items, media_root=str(toy_clips))
    assert main(["annotate", "quality", str(bench.data), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    daft = Path(sys.executable).with_name("tao-daft")
    for folder in ("kept", "rejected"):
        command = [daft, "validate", "tao-vl-reason-v1.0", "--path", str(tmp_path / "out" / folder)]
        assert "PASSED" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


WRONG = [
    pytest.param(["filters=[blnd]"], "blind", id="an_unknown_filter_is_told_the_nearest"),
    pytest.param(["filters=[]"], "quality.filters is empty", id="no_filter"),
    pytest.param(["filters=[leak,leak]"], "names one twice", id="a_filter_twice"),
    pytest.param(["flag_only=[blind]"], "not among quality.filters", id="a_flag_of_a_filter_that_is_not_run"),
    pytest.param(["blind.tries=3"], "more than quality.blind.tries", id="more_right_than_tries"),
    pytest.param(["filters=[blind]", "llm.backend=openai"], "quality.llm.openai.model_name", id="no_model_named"),
    pytest.param(["times.tolerance=-1"], "times.tolerance", id="a_value_out_of_range"),
    pytest.param(["prompts=nothing"], "nothing", id="no_such_pack"),
]


@pytest.mark.parametrize(("overrides", "told"), WRONG)
def test_a_wrong_setting_is_one_clear_sentence_and_writes_nothing(data, tmp_path, capsys, overrides, told):
    assert main(["annotate", "quality", str(data), "--out", str(tmp_path / "out"), *overrides]) == 2
    error = capsys.readouterr().err
    assert told in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out" / "kept").exists()


def test_the_folder_of_an_earlier_result_is_not_filtered_onto_itself(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["annotate", "quality", str(data), "--out", str(out), "--quiet"]) == 0
    assert main(["annotate", "quality", str(out / "kept"), "--out", str(out)]) == 2
    assert "would be overwritten" in capsys.readouterr().err


def test_a_word_that_is_no_setting_is_refused(data, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["annotate", "quality", str(data), "--out", str(tmp_path / "out"), "blind"])
    assert "blind" in capsys.readouterr().err


def test_a_file_with_a_section_quality_is_read_and_a_key_is_never_saved(data, tmp_path):
    spec = tmp_path / "recipe.yaml"
    spec.write_text("train: {x: 1}\nquality:\n  filters: [leak]\n  llm: {openai: {api_key: sk-CANARY}}\n")
    out = tmp_path / "out"
    assert main(["annotate", "quality", str(data), "--out", str(out), "--config", str(spec)]) == 0
    assert all(b"CANARY" not in path.read_bytes() for path in out.rglob("*") if path.is_file())


def test_free_filters_need_no_endpoint_and_no_pack_is_hashed_for_them(bench):
    bench.put("open_qa", GOOD)
    with pytest.raises(ConfigError):
        read_quality(None, ["filters=[judge]", "vlm.backend=openai"])
    assert bench.run()[1]["models"] == {}


def test_text_of_a_model_stays_text_in_the_summary(bench):
    bench.put("open_<b>|x", GOOD)
    bench.run("filters=[leak]")
    assert "| open_&lt;b>\\|x | 1 | 1 | 0 |" in (bench.out / "quality.md").read_text()


def test_a_budget_stops_the_run_before_it_is_spent_and_the_next_run_goes_on(bench, tmp_path):
    class Dear(bench.model):
        name = "openai:far.example/dear"

    prices = tmp_path / "prices.yaml"
    prices.write_text("models:\n  - {match: dear, input: 100, output: 100}\n")
    bench.put("mcq", *({"video_id": f"{n}.mp4", "question": MCQ.format(n), "answer": "B"} for n in range(20)))
    paying = ["filters=[blind]", f"prices={prices}", "max_workers=1"]
    files = read_folder(bench.data)

    def run(budget: float):
        config = read_quality(None, ["llm.backend=scripted", *paying, f"budget_usd={budget}"])
        return filter_items(files, config, bench.out, {"llm": Dear()}, progress=False)

    first = run(0.6)
    assert first.cut_off and "budget" in first.halted and 0 < first.counts.requests < 40
    second = run(1000)
    assert not second.cut_off
    bench.out = bench.out.with_name("fresh")
    assert first.counts.requests + second.counts.requests == run(1000).counts.requests


def test_a_budget_needs_a_price_for_every_model(data, tmp_path, capsys):
    words = ["filters=[blind]", "llm.backend=openai", "llm.openai.model_name=nobody", "llm.openai.api_key=sk-x"]
    words += ["llm.openai.base_url=https://far.example/v1", "budget_usd=1"]
    assert main(["annotate", "quality", str(data), "--out", str(tmp_path / "out"), "--quiet", *words]) == 2
    assert "has no price for" in capsys.readouterr().err
