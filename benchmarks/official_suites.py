"""Generated questions and replies for the suites of official_scorers.py: every kind of reply that a script misreads."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

DOMAINS = (
    "Knowledge", "Film & Television", "Sports Competition", "Artistic Performance", "Life Record", "Multilingual"
)  # fmt: skip
SUB_CATEGORIES = (
    "Humanity & History", "Literature & Art", "Biology & Medicine", "Finance & Commerce", "Astronomy", "Geography",
    "Law", "Life Tip", "Technology", "Animation", "Movie & TV Show", "Documentary", "News Report", "Esports",
    "Basketball", "Football", "Athletics", "Other Sports", "Stage Play", "Magic Show", "Variety Show", "Acrobatics",
    "Handicraft", "Food", "Fashion", "Daily Life", "Travel", "Pet & Animal", "Exercise", "Multilingual",
)  # fmt: skip
TASKS = (
    "Temporal Perception", "Spatial Perception", "Attribute Perception", "Action Recognition", "Object Recognition",
    "OCR Problems", "Counting Problem", "Temporal Reasoning", "Spatial Reasoning", "Action Reasoning",
    "Object Reasoning", "Information Synopsis",
)  # fmt: skip
TEXTS = ("the pan is hot", "a man waits", "the car turns", "rain falls", "two dogs run", "nothing moves")
# {0} is the letter that is meant, {1} its option's text.
REPLIES = (
    "{0}", "{0}", "({0})", "{0}.", "{0}) {1}", "({0}) {1}", "{0}. {1}", "Answer: {0}", "The answer is {0}.",
    "Best answer: {0}", "Best option: {0}", "The best option is ({0}).", "Based on the video, ({0}).", "{1}",
    "A car is seen, so the answer is {0}.", "Between A and B, I choose {0}.", "Answer:{0}", "Option:{0}",
    "I cannot see the video.", "", "hm", "(", "{0} because Cars turn", "**{0}**", "<think>It may be B.</think>\n{0}",
    "the answer is {0}, not C",
    "```json\n{{\"result\": \"{0}\"}}\n```", "```json\n{{\"result\": {0}}}\n```",
    "```json\n{{\"answer\": \"{0}\"}}\n```",
)  # fmt: skip


def make_videomme(folder: Path, chance: random.Random) -> None:
    videos = []
    for number in range(60):
        questions = []
        for place in range(3):
            letter, texts, reply = _choice(chance, 4)
            options = [f"{mark}. {text}." for mark, text in zip("ABCD", texts, strict=True)]
            task = TASKS[(3 * number + place) % len(TASKS)]
            key = f"{number:03d}-{place + 1}"
            row = {"question_id": key, "task_type": task, "question": f"What is it, {place}?", "options": options}
            questions.append(row | {"answer": letter, "response": reply})
        video = {"video_id": f"{number:03d}", "duration": ("short", "medium", "long")[number // 20], "missing": False}
        names = {"domain": DOMAINS[number % 6], "sub_category": SUB_CATEGORIES[number % 30]}
        videos.append(video | names | {"questions": questions})
    _write(folder / "results.json", videos)


def make_mvbench(folder: Path, chance: random.Random) -> None:
    answers: dict[str, dict[str, str]] = {}
    for task, count in (("action_sequence", 60), ("moving_count", 40), ("state_change", 25)):
        rows = []
        for number in range(count):
            letter, texts, reply = _choice(chance, chance.choice((3, 4)))
            if number % 12 == 0:
                texts[-1] = texts[0]  # two equal candidates, as some of the benchmark's own
            answer = texts["ABCDE".index(letter)]
            rows.append(
                {"video": f"{task}{number % 20}.mp4", "question": "What?", "candidates": texts, "answer": answer}
            )
            answers.setdefault(task, {})[str(number)] = reply
        _write(folder / f"{task}.json", rows)
    _write(folder / "predictions.json", answers)


def make_tempcompass(folder: Path, chance: random.Random) -> None:
    aspects = {
        "action": ("fine-grained action", "coarse-grained action"),
        "direction": ("object motion", "camera motion"),
        "speed": ("absolute speed", "relative speed"),
        "order": ("order",),
        "attribute_change": ("color & light change", "size & shape change", "combined change", "other change"),
    }
    meta = {
        str(video): {"eval_dim": {name: {"type": types[video % len(types)]} for name, types in aspects.items()}}
        for video in range(12)
    }
    for kind, make in (("multi-choice", _letters), ("yes_no", _yes_no), ("caption_matching", _captions)):
        rows = {video: {name: [make(chance, place) for place in range(3)] for name in aspects} for video in meta}
        _write(folder / f"{kind}.json", rows)
    _write(folder / "meta_info.json", meta)


def make_cgbench(folder: Path, chance: random.Random) -> None:
    rows, answers = [], {}
    for number in range(150):
        letter, texts, reply = _choice(chance, 6)
        start = chance.randrange(0, 400)
        clues = [[start, start + 10], [start + 30, start + 45]][: chance.choice((1, 1, 2))]
        row = {"qid": number, "video_uid": f"v{number % 30}", "question": "What?", "choices": texts}
        row |= {"right_answer": letter, "answer": texts["ABCDEF".index(letter)], "clue_intervals": clues}
        rows.append(row | {"domain": "Life Record", "sub_category": "Entity Perception", "duration": 900})
        other = chance.choice((letter, letter, "ABCDEF"[chance.randrange(6)]))
        clue = chance.choice(REPLIES).format(other, texts["ABCDEF".index(other)])
        answers[str(number)] = {"long_acc": reply, "clue_acc": clue, "miou": _intervals(chance, clues)}
    _write(folder / "cgbench.json", rows)
    _write(folder / "predictions.json", answers)


def make_tar(folder: Path, chance: random.Random) -> None:
    items, replies = [], []
    closed = {"bcq": _tar_bcq, "mcq": _tar_mcq, "temporal_localization": _tar_span}
    tasks = (*closed, "open_qa", "causal_linkage", "bcq_openended")
    for number in range(240):
        task = tasks[number % len(tasks)]
        question, answer, reply = closed.get(task, _tar_open)(chance)
        key = f"{number:015x}f"
        item = {"item_index": key, "task_type": task, "video_id": f"tar_test/{number // 12}.mp4", "question": question}
        items.append(item | {"answer": answer, "reasoning": ""})
        replies.append((key, reply))
    envelope = {"format": "tao-vl-reason-v1.0", "metadata": {"type": "annotation", "license": "", "task": "mixed"}}
    _write(folder / "truth.json", envelope | {"media_root": None, "items": items})
    with open(folder / "submission.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("item_index", "prediction"), *replies])


def _choice(chance: random.Random, options: int) -> tuple[str, list[str], str]:
    """The right letter, the options, and a reply that means it half of the time."""
    texts = chance.sample(TEXTS, options)
    right = chance.randrange(options)
    said = right if chance.random() < 0.5 else chance.randrange(options)
    return "ABCDEF"[right], texts, chance.choice(REPLIES).format("ABCDEF"[said], texts[said])


def _letters(chance: random.Random, place: int) -> dict[str, object]:
    letter, texts, reply = _choice(chance, 3)
    options = [f"{mark}. {text}" for mark, text in zip("ABC", texts, strict=True)]
    question = "\n".join([f"What happens, {place}?", *options])
    return {"question": question, "answer": options["ABC".index(letter)], "prediction": reply or None}


def _yes_no(chance: random.Random, place: int) -> dict[str, object]:
    right, said = chance.choice(("yes", "no")), chance.choice(("yes", "no"))
    forms = (
        "{0}", "{1}", "{1}, it does.", "Nothing moves.", "Now it turns.", "The answer is {0}.", "It does not.",
        "{0}</s>", "Yesterday it did.", "I think {0}", "",
    )  # fmt: skip
    reply = chance.choice(forms).format(said, said.capitalize())
    return {"question": f"Does it move, {place}?", "answer": right, "prediction": reply}


def _captions(chance: random.Random, place: int) -> dict[str, object]:
    name, marks = chance.choice((("Caption", "AB"), ("Option", "12"), ("Sentence", "AB")))
    texts = [f"It is so that {text}." for text in chance.sample(TEXTS, 2)]
    options = [f"{name} {mark}: {text}" for mark, text in zip(marks, texts, strict=True)]
    right, said = chance.randrange(2), chance.randrange(2)
    forms = (
        "{name} {mark}", "{mark}", "{mark}.", "{option}", "{text}", "({mark}) {text}", "{name} {mark}.",
        "The video matches {name} {mark}.", "I would choose {mark}", "", "both",
    )  # fmt: skip
    told = {"name": name, "mark": marks[said], "option": options[said], "text": texts[said]}
    question = "\n".join([f"Which matches the video better, {place}?", *options])
    return {"question": question, "answer": options[right], "prediction": chance.choice(forms).format(**told)}


def _intervals(chance: random.Random, clues: list[list[int]]) -> str:
    near = [[max(0, one + chance.randrange(-4, 5)) for one in span] for span in clues]
    start = chance.randrange(0, 400)
    forms = (
        json.dumps(near),
        f"```json\n{json.dumps({'result': near})}\n```",
        f"```json\n{json.dumps({'result': [[start, start + 12], [start + 15, start + 10]]})}\n```",
        f"```json\n{json.dumps({'result': [*clues, [clues[-1][1] + 5, clues[-1][1]]]})}\n```",
        f"The clue is from {near[0][0]} to {near[0][1]} seconds.",
        f"{near[0][0]}-{near[0][1]}",
        f"In 1 scene, at {near[0][0]} s.",
        "[[0.1, 0.2]]",
        "nowhere",
        "",
    )
    return chance.choice(forms)


def _tar_bcq(chance: random.Random) -> tuple[str, str, str]:
    right, said = chance.choice(("Yes", "No")), chance.choice(("Yes", "No"))
    forms = ("{0}", "{0}.", "{1}", "The answer is {1}.", "no doubt: {1}", "None", "", "I see yes and no", "**{0}**")
    question = "Is there a crash? Answer with only Yes or No."
    return question, chance.choice((right, f"{right}. A car stops.")), chance.choice(forms).format(said, said.lower())


def _tar_mcq(chance: random.Random) -> tuple[str, str, str]:
    letter, texts, reply = _choice(chance, 4)
    options = [f"{mark}) {text}" for mark, text in zip("ABCD", texts, strict=True)]
    odd = chance.choice((reply, reply, reply, "A red car turns.", "I think " + letter, "NA", letter.lower()))
    return "\n\n".join(["What happens?", *options]), options["ABCD".index(letter)], odd


def _tar_span(chance: random.Random) -> tuple[str, str, str]:
    start = chance.randrange(0, 50)
    gold = {"start": f"00:{start:02d}", "end": f"00:{start + 9:02d}"}
    near = {
        "start": f"00:{max(0, start + chance.randrange(-3, 4)):02d}",
        "end": f"00:{start + chance.randrange(6, 10):02d}",
    }
    forms = (
        json.dumps(near),
        f"```json\n{json.dumps(near, indent=2)}\n```",
        f"```json\n{json.dumps([near])}\n```",
        json.dumps([near]),
        f"from {near['start']} to {near['end']}",
        json.dumps({"start": near["end"], "end": near["start"]}),
        json.dumps({"start": start, "end": start + 9}),
        json.dumps({"start": near["start"]}),
        "The crash: " + json.dumps(near),
        "",
    )
    return "When?", f"```json\n{json.dumps(gold, indent=2)}\n```", chance.choice(forms)


def _tar_open(chance: random.Random) -> tuple[str, str, str]:
    words = " ".join(TEXTS).split()
    answer, reply = (" ".join(chance.sample(words, 6)) for _ in range(2))
    return "What is seen?", answer, chance.choice((reply, answer, f"{answer}, and {reply}"))


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


MAKE = {
    "videomme": make_videomme,
    "mvbench": make_mvbench,
    "tempcompass": make_tempcompass,
    "cgbench": make_cgbench,
    "tar": make_tar,
}
