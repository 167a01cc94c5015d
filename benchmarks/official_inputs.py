"""What benchmarks' scripts and ours are given to score: questions and predictions, generated alike in every run."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from official_suites import MAKE as SUITES

VIDEOS = 24
COLUMNS = ("frame_count", "width", "height", "question", "answer", "qid", "type")
OPTIONS = ("a0", "a1", "a2", "a3", "a4")
WORDS = (
    "dog", "cat", "ball", "table", "run", "walk", "jump", "hold", "happy", "red", "kitchen", "garden", "car", "water"
)  # fmt: skip


def make_nextqa(folder: Path, chance: random.Random) -> None:
    types = ("CW", "CH", "TN", "TP", "TC", "DC", "DL", "DO")
    rows, answers = [], {}
    for video in range(VIDEOS):
        for qid in range(5):
            options = [f"{word} {chance.randrange(1000)}" for word in ("run", "sit", "wave", "look", "two")]
            answer, kind = chance.randrange(5), types[(5 * video + qid) % len(types)]
            rows.append([7000 + video, 300, 640, 480, f"what happens {qid}", answer, qid, kind, *options])
            guess = answer if chance.random() < 0.4 else chance.randrange(5)
            answers[f"{7000 + video}_{qid}"] = {"prediction": guess, "answer": answer}
    write_csv(folder / "questions.csv", ("video", *COLUMNS, *OPTIONS), rows)
    write_json(folder / "predictions.json", answers)


def make_nextqa_oe(folder: Path, chance: random.Random) -> None:
    types = ("CW", "CH", "TN", "TP", "TC", "DC", "DB", "DL", "DO")
    rows, answers, second = [], {}, {}
    for video in range(VIDEOS):
        for qid in range(6):
            kind = types[(6 * video + qid) % len(types)]
            short = {"DC": ["two", "three", "one"], "DB": ["yes", "no"]}.get(kind)
            answer, other, another = (chance.choice(short) if short else _phrase(chance) for _ in range(3))
            said = answer if chance.random() < 0.2 else f"{other}{' the' if chance.random() < 0.3 else ''}"
            rows.append([7000 + video, 300, 640, 480, f"why is it so {qid}", answer, qid, kind])
            answers.setdefault(str(7000 + video), {})[str(qid)] = said if chance.random() < 0.95 else ""
            second.setdefault(str(7000 + video), {})[str(qid)] = another
    write_csv(folder / "questions.csv", ("video", *COLUMNS), rows)
    write_json(folder / "predictions.json", answers)
    write_json(folder / "second.json", second)
    (folder / "stopwords.txt").write_text("the\na\nis\nof\n", encoding="utf-8")


def make_nextgqa(folder: Path, chance: random.Random) -> None:
    truth, spans, answers, rows = {}, {}, {}, []
    for video in range(VIDEOS):
        duration = chance.randrange(20, 90)
        location = {}
        for qid in range(5):
            key, answer = f"{7000 + video}_{qid}", chance.randrange(5)
            location[str(qid)] = [_span(chance, duration) for _ in range(chance.choice((1, 1, 1, 2)))]
            options = [f"{word} {qid}" for word in ("run", "sit", "wave", "look", "jump")]
            rows.append([7000 + video, 300, 640, 480, "why", options[answer], qid, "CW", *options])
            guess = answer if chance.random() < 0.5 else chance.randrange(5)
            answers[key] = {"prediction": guess, "answer": answer}
            start, end = _span(chance, duration)
            near = [round(value + chance.uniform(-2, 2), 1) for value in location[str(qid)][0]]
            # A moment, a reversed span, none at all, one near the truth, one anywhere.
            kind = chance.choices(("moment", "reversed", "none", "near", "any"), (2, 1, 1, 4, 3))[0]
            spans[key] = {"moment": [start, start], "reversed": [end, start], "near": sorted(near)}.get(
                kind, [start, end]
            )
            if kind == "none":
                del spans[key]
        truth[str(7000 + video)] = {"duration": duration, "location": location, "fps": 29.97}
    write_csv(folder / "questions.csv", ("video_id", *COLUMNS, *OPTIONS), rows)
    for name, value in (("truth", truth), ("spans", spans), ("answers", answers)):
        write_json(folder / f"{name}.json", value)


def make_star(folder: Path, chance: random.Random) -> None:
    items, answers = [], {}
    for number in range(5 * VIDEOS):
        kind = chance.choices(("Interaction", "Sequence", "Prediction", "Feasibility"), (5, 6, 2, 1))[0]
        key = f"{kind}_T{chance.randrange(1, 5)}_{number}"
        texts = chance.sample(["The bag.", "The book.", "The door.", "The cup.", "The box.", "The shoe."], 4)
        answer = chance.randrange(4)
        answers[key] = answer if chance.random() < 0.45 else chance.randrange(4)
        choices = [{"choice_id": place, "choice": text} for place, text in enumerate(texts)]
        item = {"question_id": key, "video_id": f"V{number % VIDEOS}", "question": "Which?", "answer": texts[answer]}
        items.append(item | {"start": 0.0, "end": 5.0, "choices": choices})
    write_json(folder / "questions.json", items)
    write_json(folder / "predictions.json", answers)


def make_videoespresso(folder: Path, chance: random.Random) -> None:
    tasks = ("Causal Inference", "Cooking Steps", "Traffic Analysis", "Thematic Insight")
    replies = (
        "{0}",
        "({0})",
        "Answer: {0}",
        "Based on the video, ({0}).",
        "The answer is {0}.",
        "({0}): {1}",
        "{1}",
        "hm",
        "",
    )
    rows = []
    for number in range(5 * VIDEOS):
        texts = chance.sample(["the pan is hot", "a man waits", "the car turns", "rain falls", "two dogs run"], 4)
        answer, guess = chance.randrange(4), chance.randrange(4)
        guess = answer if chance.random() < 0.4 else guess
        row = {
            "video_path": f"all_video/toy/{number % VIDEOS}.mp4",
            "task": chance.choices(tasks, (8, 1, 2, 3))[0],
            "question": f"Why does it happen, {number // VIDEOS}?",
            "answer": texts[answer],
            "options": [f"({letter}): {text}" for letter, text in zip("ABCD", texts, strict=True)],
            "correct_answer": f"({'ABCD'[answer]})",
        }
        rows.append(row | {"model_output": chance.choice(replies).format("ABCD"[guess], texts[guess])})
    write_json(folder / "output.json", rows)


def _phrase(chance: random.Random) -> str:
    return " ".join(chance.sample(WORDS, 3))


def _span(chance: random.Random, duration: float) -> list[float]:
    start = round(chance.uniform(0, duration - 6), 1)
    return [start, round(chance.uniform(start + 0.5, duration), 1)]


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


MAKE: dict[str, Callable[[Path, random.Random], None]] = {
    "nextqa": make_nextqa,
    "nextqa_oe": make_nextqa_oe,
    "nextgqa": make_nextgqa,
    "star": make_star,
    "videoespresso": make_videoespresso,
    **SUITES,
}
