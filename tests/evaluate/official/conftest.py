"""Small files in the benchmarks' forms."""

import csv
import json

import pytest

OPTIONS = ("run away", "sit down", "2", "wave", "look up")


@pytest.fixture
def write(tmp_path):
    """Write a value as JSON, or text as it is; returns the path."""

    def put(name, value):
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return path

    return put


@pytest.fixture
def questions(tmp_path):
    """Write a NExT-QA file of (key, type, answer); the answer's form and the video's column are settable."""

    def put(rows, video="video", answer=str, name="questions.csv"):
        path = tmp_path / name
        with open(path, "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            header = [video, "frame_count", "width", "height", "question", "answer", "qid", "type"]
            table.writerow([*header, "a0", "a1", "a2", "a3", "a4"])
            for key, kind, right in rows:
                of, qid = key.split("_")
                table.writerow([of, 300, 640, 480, "what now", answer(right), qid, kind, *OPTIONS])
        return path

    return put
