"""`demitasse check`: one tiny request to each endpoint that a spec asks, before anything is spent.

A request is what the run's own will be: a picture or a short video for the one that is shown footage, a schema where
one will be sent. Only if it fails are smaller ones sent, to find out what it was that failed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from annotate.sections import ESPRESSO, PICTURES, PIPELINES, section_of
from demitasse.config.overrides import take_overrides_anywhere
from demitasse.errors import DemitasseError

if TYPE_CHECKING:
    from annotate.endpoints import Endpoint
    from demitasse.chat.model import ChatModel, Part, Reply, Request

EXIT_MISSING = 2
STEP = "check"
ROOM = 1024  # tokens: a model that thinks needs some before it writes a word
SCHEMA = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}},
    "required": ["ready"],
    "additionalProperties": False,
}
QUESTION = 'Can you read this? Answer with the JSON object {"ready": true} and nothing else.'
MODELS_NAMED = 5
SIDE, RATE = 64, 8  # pixels and frames a second of the video that is shown: some kilobytes


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse check`."""
    parser.add_argument(
        "--config", "-e", type=Path, metavar="FILE", help="a TAO spec, or a recipe with a section `annotate`"
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as for `demitasse annotate`")
    take_overrides_anywhere(parser)


def check_check_arguments(args: argparse.Namespace) -> None:
    """Refuse a spec whose endpoints cannot be read."""
    _endpoints(section_of(args.config, args.overrides), args)


def run_check(args: argparse.Namespace) -> int:
    """Ask each endpoint once, and say in a line each what it answered or what is missing.

    Returns:
        0 if every endpoint can be asked, and texts can be compared where that is needed; else 2.
    """
    section = section_of(args.config, args.overrides)
    pipeline = PIPELINES[section]
    endpoints = _endpoints(section, args)
    if not endpoints:
        print("the chosen steps ask no endpoint")
    missing = 0
    for name, endpoint in _distinct(endpoints):
        shown = pipeline.shown if name.startswith(pipeline.seeing) else ""
        problem, told = check_endpoint(name, f"{section}.{name.split(' ')[0]}", endpoint, shown)
        missing += bool(problem)
        print(f"{name}: {problem or told}", file=sys.stderr if problem else sys.stdout)
    problem, told = _check_embedding(section, args)
    if problem or told:
        print(f"embedding: {problem or told}", file=sys.stderr if problem else sys.stdout)
    return EXIT_MISSING if missing or problem else 0


def _check_embedding(section: str, args: argparse.Namespace) -> tuple[str, str]:
    """What is missing before texts can be compared, or who does it; both are empty where no text is compared."""
    from annotate.espresso.config import Spec, compares
    from demitasse.embedding import open_embedder

    config = Spec.read_draft(args.config, args.overrides).section if section == ESPRESSO else None
    if config is None or not compares(config):
        return "", ""
    try:
        embedder = open_embedder(config.embedding)
        return "", f"{embedder.name} makes vectors of {embedder.embed([QUESTION]).shape[1]} numbers"
    except DemitasseError as error:
        return str(error), ""


def _endpoints(section: str, args: argparse.Namespace) -> dict[str, Endpoint]:
    from annotate.run.spec import spec_class

    return spec_class(section).read_endpoints(args.config, args.overrides)


def _distinct(endpoints: Mapping[str, Endpoint]) -> Iterator[tuple[str, Endpoint]]:
    """Equal endpoints once, under the name of the one that is shown more."""
    first, *others = endpoints or [""]
    if others and all(endpoints[other] == endpoints[first] for other in others):
        yield " and ".join(endpoints), endpoints[first]
    else:
        yield from endpoints.items()


def check_endpoint(name: str, key: str, endpoint: Endpoint, shown: str = "") -> tuple[str, str]:
    """What is missing, or what was answered: one of the two is empty.

    Args:
        name: begins with the endpoint's own: "vlm", "llm", "checker".
        key: its place in the spec, for the sentence that says what to set.
        endpoint: its settings.
        shown: what a run shows it: "footage", "pictures", or "" for nothing.
    """
    from annotate.endpoints import endpoint_problems, open_teacher, sampling_of
    from demitasse.chat.model import Request, Text

    for problem in endpoint_problems(key, endpoint):
        return problem, ""
    try:
        model = open_teacher(name.split(" ")[0], endpoint)
    except DemitasseError as error:
        return str(error), ""
    sampling = sampling_of(endpoint)
    request = Request(
        STEP,
        (*(_media(model, shown == PICTURES) if shown else ()), Text(QUESTION)),
        schema=SCHEMA if model.capability.json_schema else None,
        sampling=replace(sampling, max_tokens=min(sampling.max_tokens, ROOM)),
    )
    problem, told = asyncio.run(_ask(model, request, key, endpoint))
    return problem, told + (_boxes(model, key, endpoint) if told and shown == PICTURES else "")


def _boxes(model: ChatModel, key: str, endpoint: Endpoint) -> str:
    """How boxes will be written to it and read from it: no reply tells whether that is the model's own way."""
    from annotate.referring.space import space_of

    style = model.capability.boxes
    unsaid = "" if style else f", for {key}.{endpoint.backend}.boxes is empty"
    return f"; its boxes are taken as {space_of(style).style}{unsaid}"


def _media(model: ChatModel, stills: bool) -> tuple[Part, ...]:
    """A small picture or clip of the toy world."""
    from tempfile import TemporaryDirectory

    from demitasse.chat.attach import video_parts
    from demitasse.chat.model import Image
    from demitasse.media.probe import probe
    from demitasse.media.sample import SamplingPolicy
    from demitasse.toyworld.picture import render_scene
    from demitasse.toyworld.render import render_clip

    with TemporaryDirectory() as folder:
        if stills:
            return (Image(render_scene(Path(folder) / "picture.png", 0).read_bytes(), "image/png"),)
        clip = render_clip(Path(folder) / "clip.mp4", 0, SIDE, RATE)
        return video_parts(clip, probe(clip), model.capability, SamplingPolicy(1.0, 1, 1, frame_multiple=1))


async def _ask(model: ChatModel, request: Request, key: str, endpoint: Endpoint) -> tuple[str, str]:
    try:
        reply = await model.reply(request)
        problem = await _problem(model, request, reply, key, endpoint)
    finally:
        await model.close()
    return (problem, "") if problem else ("", _told(model, request, reply))


async def _problem(model: ChatModel, request: Request, reply: Reply, key: str, endpoint: Endpoint) -> str:
    """The sentence that says what is missing; "" for an answer of any kind: a truncation and a refusal are answers."""
    from demitasse.chat.model import Outcome
    from demitasse.chat.wire.completions import is_json

    if reply.outcome is Outcome.SUCCESS and request.schema is not None and not is_json(reply.text):
        place = f"{key}.{endpoint.backend}.json_schema"
        return f"{model.name} takes a JSON schema and does not keep to it: set {place}=false to ask for labelled text"
    if reply.outcome not in (Outcome.ERROR, Outcome.BLOCKED):
        return ""
    return _known_problem(model, reply, key, endpoint) or await _found_problem(model, request, reply, key, endpoint)


def _known_problem(model: ChatModel, reply: Reply, key: str, endpoint: Endpoint) -> str:
    """What the status alone tells; "" if it tells too little."""
    if reply.status in (401, 403):
        return f"{model.name} refuses the key ({reply.error}): {_key_hint(endpoint)}"
    if reply.finish_reason:
        return f"{model.name} is there and answered with no text that can be used: {reply.error}"
    if reply.status is None and reply.retryable:
        return f"{model.name} does not answer: {reply.error}; is it running, and is {_address(key, endpoint)} right?"
    if reply.status == 429:
        when = "will be waited for" if reply.retryable else "no waiting helps"
        return f"{model.name} takes no more requests now, which {when}: {reply.error}"
    if reply.status is not None and reply.status >= 500:
        return f"{model.name} is there and fails: {reply.error}"
    return ""


async def _found_problem(model: ChatModel, request: Request, reply: Reply, key: str, endpoint: Endpoint) -> str:
    """What is found out by asking for less."""
    from demitasse.chat.model import Video

    plain = replace(request, parts=request.parts[-1:], schema=None)
    if not _is_taken(await model.reply(plain)):
        return f"{model.name} cannot be asked: {reply.error}{await _names(model, key, endpoint)}"
    settings = f"{key}.{endpoint.backend}"
    without_schema = replace(request, schema=None)
    if request.schema is not None and _is_taken(await model.reply(without_schema)):
        return f"{model.name} takes no JSON schema: set {settings}.json_schema=false ({reply.error})"
    without_fps = replace(request, sampling=replace(request.sampling, fps=None))
    if request.sampling.fps is not None and _is_taken(await model.reply(without_fps)):
        return (
            f"{model.name} cannot be told frames a second in this way: let the server allow it, set another "
            f"{settings}.fps_channel, or leave {settings}.fps out ({reply.error})"
        )
    if any(isinstance(part, Video) for part in request.parts):
        return f"{model.name} takes no video files: set {settings}.video=false to send frames ({reply.error})"
    return f"{model.name} takes no pictures: choose a model that sees for {key} ({reply.error})"


def _is_taken(reply: Reply) -> bool:
    """Whether the endpoint took a request, even if the model had nothing to say to it."""
    from demitasse.chat.model import Outcome

    return reply.outcome is not Outcome.ERROR or bool(reply.finish_reason)


async def _names(model: ChatModel, key: str, endpoint: Endpoint) -> str:
    """Which names there are, where the one asked for is not among them."""
    from demitasse.chat.openai import OpenAIChat

    wanted = endpoint.openai.model_name
    names = await model.served() if isinstance(model, OpenAIChat) else []
    if not names or wanted in names:
        return ""
    near = get_close_matches(wanted, names, MODELS_NAMED) or names[:MODELS_NAMED]
    return f"; it serves no '{wanted}': set {key}.openai.model_name to one of {', '.join(near)}"


def _key_hint(endpoint: Endpoint) -> str:
    from annotate.endpoints import GEMINI_KEYS, OPENAI_KEYS

    names = GEMINI_KEYS if endpoint.backend == "gemini" else OPENAI_KEYS
    return f"put the right one into the environment variable {' or '.join(names)}"


def _address(key: str, endpoint: Endpoint) -> str:
    return f"{key}.{endpoint.backend}.base_url"


def _told(model: ChatModel, request: Request, reply: Reply) -> str:
    from demitasse.chat.model import Image, Video

    kinds = [kind for part, kind in ((Video, "a video"), (Image, "a picture")) if _has(request, part)]
    kinds += ["a JSON schema"] if request.schema is not None else []
    given = f" given {' and '.join(kinds)}" if kinds else ""
    tokens = f"{reply.usage.prompt} + {reply.usage.completion} tokens"
    return f"{model.name} answered{given} in {reply.latency:.1f} s as {reply.model or 'nobody'} ({tokens})"


def _has(request: Request, kind: type[Part]) -> bool:
    return any(isinstance(part, kind) for part in request.parts)
