"""The functions of a task of Demitasse in lmms-eval; `demitasse results --to lmms-task` copies this file beside it.

It needs the standard library alone. Replies are scored by Demitasse's own scorer, in a process of the Python and the
checkout that `scorer.json` names, so that both harnesses share one scorer and neither's packages meet the other's.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from threading import Lock
from typing import Any

SCORER = Path(__file__).with_name("scorer.json")
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from demitasse.stages import use_checkout; use_checkout(); "
    "from evaluate.interop.scoring import serve; serve(sys.stdin.buffer, sys.stdout.buffer)"
)

Doc = dict[str, Any]


class Scorer:
    """The process, started when it is first needed. Threads of lmms-eval take turns."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def score(self, item: Doc, response: str) -> Doc:
        """The keys of a sample."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = _open()
            asked, answered = self._process.stdin, self._process.stdout
            assert asked is not None and answered is not None
            # ASCII: whatever a model wrote, half a surrogate pair included, is one line that can be written.
            asked.write(json.dumps({"item": item, "response": _whole(response)}).encode("ascii") + b"\n")
            asked.flush()
            line = answered.readline()
        if not line:
            raise RuntimeError(f"Demitasse's scorer ended by itself; what it needs is named in {SCORER}")
        keys: Doc = json.loads(line)
        if "error" in keys:
            raise ValueError(keys["error"])
        return keys


def _open() -> subprocess.Popen[bytes]:
    told = json.loads(SCORER.read_text(encoding="utf-8"))
    command = [told["python"], "-I", "-c", _START, told["checkout"]]
    try:
        # In a session of its own Ctrl-C does not reach it: it ends with the pipe.
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    except OSError as fault:
        raise RuntimeError(f"{SCORER}: '{told['python']}' is not Demitasse's Python any more ({fault})") from fault


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


_SCORER = Scorer()


def doc_to_messages(doc: Doc) -> list[Doc]:
    """What is asked: the medium and then the question, as `demitasse predict` asks."""
    told = json.loads(doc["item"])
    shown = [{"type": told["medium"], "url": told["path"]}, {"type": "text", "text": told["prompt"]}]
    before = [{"role": "system", "content": [{"type": "text", "text": told["system"]}]}] if told["system"] else []
    return [*before, {"role": "user", "content": shown}]


def doc_to_visual(doc: Doc) -> list[Any]:
    """The medium, for lmms-eval's "simple" models: a video's path, or an opened picture."""
    told = json.loads(doc["item"])
    if told["medium"] == "video":
        return [told["path"]]
    from PIL import Image

    with Image.open(told["path"]) as picture:
        return [picture.convert("RGB")]


def doc_to_text(doc: Doc) -> str:
    """The question."""
    text: str = json.loads(doc["item"])["prompt"]
    return text


def doc_to_target(doc: Doc) -> str:
    """The reference: of multiple choice its letter."""
    text: str = json.loads(doc["item"])["target"]
    return text


def process_results(doc: Doc, results: list[str]) -> Doc:
    """The score, and what it was read from."""
    return _SCORER.score(json.loads(doc["item"])["asked"], results[0])


def mean(samples: list[Any]) -> float:
    """The mean of scores, bare or in their dictionaries."""
    return sum(one["score"] if isinstance(one, dict) else one for one in samples) / len(samples)
