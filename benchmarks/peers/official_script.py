"""Runs one benchmark's scoring script on generated inputs, and prints what it printed, by the name of our figure.

    python benchmarks/peers/official_script.py PROFILE SCRIPT_FOLDER INPUTS CHECKOUT

The scripts import libraries that their scoring does not use (torch, IPython); these are stood in for where they are
not installed. pywsd is stood in for always: our base forms take its place (benchmarks/official_scorers.py says why).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import types
from importlib.util import find_spec
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
