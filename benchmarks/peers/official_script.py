"""Runs one benchmark's scoring script on generated inputs, and prints what it printed, by the name of our figure.

    python benchmarks/peers/official_script.py PROFILE SCRIPT_FOLDER INPUTS CHECKOUT

The scripts import libraries that their scoring does not use (torch, IPython); these are stood in for where they are
not installed. pywsd is stood in for always: our base forms take its place (benchmarks/official_scorers.py says why).
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import sys
import tempfile
import types
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any


def stand_in(*names: str, **members: Any) -> None:
    """Make `import a.b` work where it is not installed: empty modules, the last of them with `members`."""
    if not members and find_spec(names[0]):
        return
    for name in names:
        sys.modules[name] = types.ModuleType(name)
    for member, value in members.items():
        setattr(sys.modules[names[-1]], member, value)


def nextqa(inputs: Path) -> dict[str, str]:
    import eval_mc

    printed = captured(lambda: eval_mc.accuracy_metric(str(inputs / "questions.csv"), str(inputs / "predictions.json")))
    names = ("CW", "CH", "TN", "TC", "DC", "DL", "DO", "Acc_C", "Acc_T", "Acc_D")
    overall = printed[-1].removeprefix("Acc: ")
    return dict(zip(names, printed[-2].split(), strict=True)) | {"Acc": overall}


def nextqa_oe(inputs: Path) -> dict[str, str]:
    import nltk.tokenize

    from benchmarks.peers.official_words import AsScript

    words = AsScript()
    stand_in("pywsd", "pywsd.utils", lemmatize_sentence=words.lemmas)
    nltk.tokenize.word_tokenize = words.tokens  # itself where its data are there
    os.chdir(inputs)  # the stop words are read from the working folder, as the module is imported
    import eval_oe

    printed = captured(lambda: eval_oe.evaluate("predictions.json", "questions.csv", "second.json"))
    names = ("CW", "CH", "WUPS_C", "TN", "TC", "WUPS_T", "DB", "DC", "DL", "DO", "WUPS_D", "WUPS")
    return dict(zip(names, printed[-1].split(), strict=True))


def nextgqa(inputs: Path) -> dict[str, str]:
    stand_in("torch", "torch.nn", "torch.nn.functional")
    import eval_ground

    truth, spans, answers = (
        json.loads((inputs / f"{name}.json").read_text()) for name in ("truth", "spans", "answers")
    )
    printed = captured(lambda: eval_ground.eval_ground(truth, spans, answers))
    names = ("Acc@GQA", "mIoP", "IoP@0.3", "IoP@0.5", "mIoU", "IoU@0.3", "IoU@0.5")
    return dict(zip(names, printed[-1].split(), strict=True))


def star(inputs: Path) -> dict[str, str]:
    """Each item gets a program that says of each choice whether it is the predicted one."""
    stand_in("IPython", "IPython.core", ultratb=None)
    import run_program

    predictions = json.loads((inputs / "predictions.json").read_text())
    items = json.loads((inputs / "questions.json").read_text())
    for item in items:
        said = item["choices"][predictions[item["question_id"]]]["choice"]
        item |= {"question_program": [], "situations": {}}
        for choice in item["choices"]:
            choice["choice_program"] = [{"function": "Equal", "value_input": [said, choice["choice"]]}]
    by_type = run_program.split_by_qtype(items)
    return {kind: f"{run_program.execute_program(each):.2f}" for kind, each in by_type.items()}


def videoespresso(inputs: Path) -> dict[str, str]:
    import score

    return {"over questions (micro)": f"{score.calculate_accuracy(str(inputs / 'output.json')):.2f}"}


def videomme(inputs: Path) -> dict[str, str]:
    import eval_your_results

    kinds = dict.fromkeys(("return_sub_categories_accuracy", "return_task_types_accuracy"), True)
    lines = captured(
        lambda: eval_your_results.eval_your_results(
            str(inputs / "results.json"), video_types="short,medium,long", skip_missing=True, **kinds
        )
    )
    found, section, of_video = {}, "", ""
    names = {"Video Domains": "domain", "Video Sub Categories": "sub-category", "Task Categories": "task"}
    for line in lines:
        if line.startswith("Evaluation on"):
            of_video = line.removeprefix("Evaluation on video Type: ") if "Type" in line else ""
        section = names.get(line, section)
        name, _, value = line.rpartition(":")
        if line.startswith("Overall:"):
            found[f"duration: {of_video}" if of_video else "Overall"] = value.strip(" %")
        elif value.endswith("%") and not of_video:
            found[f"{section}: {name}"] = value.strip(" %")
    return found


def mvbench(inputs: Path) -> dict[str, str]:
    """The notebook's `check_ans`, over its way of writing the right answer and of cutting the reply."""
    cells = json.loads(Path("mvbench.ipynb").read_text())["cells"]
    source = next("".join(cell["source"]) for cell in cells if "def check_ans" in "".join(cell["source"]))
    space: dict[str, Any] = {}
    exec(source, space)
    replies, right, asked = json.loads((inputs / "predictions.json").read_text()), {}, {}
    for task, said in replies.items():
        rows = json.loads((inputs / f"{task}.json").read_text())
        last = [max(place for place, one in enumerate(row["candidates"]) if one == row["answer"]) for row in rows]
        golds = [f"({chr(ord('A') + place)}) {row['answer']}" for place, row in zip(last, rows, strict=True)]
        hits = [space["check_ans"](said[str(n)].strip().split("\n")[0], gold) for n, gold in enumerate(golds)]
        right[task], asked[task] = sum(hits), len(hits)
    printed = {task: f"{right[task] / asked[task] * 100:.2f}" for task in replies}
    return printed | {"Avg": f"{sum(right.values()) / sum(asked.values()) * 100:.2f}"}


def tempcompass(inputs: Path) -> dict[str, str]:
    stand_in("requests")
    folder, found = Path.cwd(), {}
    os.chdir(inputs)  # where the script looks for meta_info.json
    for kind in ("multi-choice", "yes_no", "caption_matching"):
        script = load(folder / f"eval_{kind}.py", "script")
        predictions = json.loads((inputs / f"{kind}.json").read_text())
        with tempfile.NamedTemporaryFile() as spare:
            lines = captured(lambda s=script, p=predictions, to=spare.name: s.main(p, {}, to, True))
        told = ast.literal_eval(lines[lines.index("Accuracy Results:") + 1])
        found |= {f"{kind}: {name}": f"{value:.1f}" for name, value in told.items()}
    return found


def cgbench(inputs: Path) -> dict[str, str]:
    """`post_process` on each reply; then `stat_with_key.py` on what it saves, told which results to count."""
    stand_in("pysubs2")
    script = load(Path.cwd() / "utils.py", "script")
    source = Path("stat_with_key.py").read_text()
    keys = {
        "long_acc": "long_acc_gpt-4o_2024-08-06_50_True_True_True",
        "clue_acc": "clue_acc_gpt-4o_2024-08-06_32_True_True_True",
        "miou": "miou_gpt-4o_2024-08-06_50_True_True_True",
    }
    wanted = [*keys.values(), "rec@iou_gpt-4o_2024-08-06", "acc@iou_gpt-4o_2024-08-06"]
    replies = json.loads((inputs / "predictions.json").read_text())
    with tempfile.TemporaryDirectory() as work, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(work)
        os.mkdir("cg_annotations")
        for row in json.loads((inputs / "cgbench.json").read_text()):
            results = {}
            for mode, key in keys.items():
                with contextlib.suppress(TypeError):  # as `process_single_file` does: such a reply is not saved
                    value = script.post_process(
                        types.SimpleNamespace(task_mode=mode),
                        json.loads(json.dumps(row)),
                        replies[str(row["qid"])][mode],
                    )
                    results |= {} if value is None else {key: {"result": value}}
            Path("cg_annotations", f"{row['qid']}.json").write_text(json.dumps(row | {"results": results}))
        counted = re.sub(r"result_keys = \[.*?\]", f"result_keys = {wanted!r}", source, count=1, flags=re.DOTALL)
        lines = captured(lambda: exec(counted, {"__name__": "script"}))
    values = [line.rpartition("Accuracy: ")[2] for line in lines if "Accuracy: " in line]
    names = ("long_acc", "clue_acc", "mIoU", "rec@IoU", "acc@IoU")
    return {name: f"{100 * float(value):.2f}" for name, value in zip(names, values, strict=True)}


def tar(inputs: Path) -> dict[str, str]:
    import pandas

    from benchmarks.peers import word_overlap

    sys.modules["bert_score"] = word_overlap
    script = load(Path.cwd() / "evaluate.py", "script")
    items = pandas.DataFrame(json.loads((inputs / "truth.json").read_text())["items"])
    told = script.score(items.merge(pandas.read_csv(inputs / "submission.csv"), on="item_index", how="inner"))
    return {name: f"{100 * value:.2f}" for name, value in told.items()}


def load(path: Path, name: str) -> Any:
    """A script as a module, under a name that hides nothing of ours."""
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def captured(call: Any) -> list[str]:
    """The lines that a call prints."""
    held = io.StringIO()
    with contextlib.redirect_stdout(held):
        call()
    return held.getvalue().rstrip().splitlines()


if __name__ == "__main__":
    profile, folder, inputs, checkout = sys.argv[1:]
    sys.path[:0] = [folder, checkout]  # before the installed packages, among which Hugging Face's is called `evaluate`
    os.chdir(folder)  # STAR's executor looks for its class lists from there
    print(json.dumps(globals()[profile](Path(inputs))))
