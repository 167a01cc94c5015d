"""`demitasse select frames`: choose frames for every item of a dataset."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demitasse.errors import ConfigError

if TYPE_CHECKING:
    from demitasse.embedding import Embedder
    from demitasse.media.sample import SamplingPolicy
    from demitasse.selector.asking import Asker, AskerSettings
    from demitasse.selector.run import Selecting

# Those of `run` and `picking`, which load what is heavy.
METHODS = ("picker", "embedding", "uniform", "random", "core")
PICKS = ("list", "each")


def add_frames_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse select frames`."""
    parser.set_defaults(select=run_frames)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="dataset files, or folders of them")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="picker",
        help="core: the items' own frames, a bound (default: %(default)s)",
    )
    parser.add_argument("--keep", type=int, required=True, help="most frames of an item")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write; an unfinished run goes on")
    parser.add_argument(
        "--fps", type=float, default=1.0, help="frames a second to choose from, as when asked (default: %(default)s)"
    )
    parser.add_argument(
        "--max-frames", type=int, default=64, help="most frames of a video to choose from (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of --method random (default: %(default)s)")
    parser.add_argument("--captions", type=Path, help="captions.jsonl, in place of a captioner or beside it")
    for role in ("captioner", "picker"):
        parser.add_argument(f"--{role}", default="", help="a student's folder, or a model's name at an endpoint")
        parser.add_argument(f"--{role}-url", default="", help="the endpoint's address, up to its version")
    parser.add_argument(
        "--picks",
        choices=PICKS,
        default="list",
        help="ask the picker about all captions at once, or about each (default: %(default)s)",
    )
    parser.add_argument(
        "--api-key-env", default="OPENAI_API_KEY", help="variable that holds the endpoints' key (default: %(default)s)"
    )
    parser.add_argument(
        "--max-new-tokens", type=int, default=256, help="longest caption and longest pick (default: %(default)s)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=16, help="asked at once; requests in flight (default: %(default)s)"
    )
    parser.add_argument("--max-pixels", type=int, help="most pixels of a frame that the captioner sees")
    parser.add_argument(
        "--device", default="auto", help="of students: auto, cpu, cuda, cuda:1, mps (default: %(default)s)"
    )
    parser.add_argument(
        "--embedding",
        default="lexical",
        choices=("lexical", "sentence", "endpoint"),
        help="of --method embedding: what tells how near a caption is to the question (default: %(default)s)",
    )
    parser.add_argument(
        "--embedding-model", default="BAAI/bge-m3", help="of sentence and endpoint (default: %(default)s)"
    )
    parser.add_argument("--embedding-url", default="", help="the endpoint's address")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/cache"), help="folder of decoded frames (default: %(default)s)"
    )


def run_frames(args: argparse.Namespace) -> int:
    """Choose; returns the exit code."""
    from demitasse.media.sample import SamplingPolicy
    from demitasse.selector.run import select
    from demitasse.selector.task_files import read_task_files

    _check(args)
    policy = SamplingPolicy(fps=args.fps, max_frames=args.max_frames)
    embedder = _embedder(args)
    askers = {role: _asker(args, role) for role in ("captioner", "picker")}
    settings = _settings(args, policy, askers, embedder)
    done = select(read_task_files(args.data), args.out, _how(args, policy, askers, embedder), settings)
    print(
        f"{args.out}: {done.items} items, {done.kept:.2f} of {done.sampled:.1f} frames kept, "
        f"{done.fallbacks} fell back to evenly spread ones"
    )
    if done.left_out:
        print(f"left out: {done.left_out} items, the first because {done.why}; {args.out / 'left_out.jsonl'} has all")
    return done.exit_code


def _check(args: argparse.Namespace) -> None:
    if min(args.keep, args.max_new_tokens, args.batch_size) < 1:
        raise ConfigError("--keep, --max-new-tokens and --batch-size must be 1 or more")
    if args.method == "picker" and not args.picker:
        raise ConfigError("--method picker needs a --picker: a student's folder, or a model at --picker-url")


def _asker(args: argparse.Namespace, role: str) -> AskerSettings | None:
    from demitasse.selector.asking import AskerSettings

    model, url = getattr(args, role), getattr(args, f"{role}_url")
    if url and not model:
        raise ConfigError(f"--{role}-url needs --{role}: the model's name at that endpoint")
    if not model:
        return None
    return AskerSettings(
        model, url, args.api_key_env, args.max_new_tokens, args.batch_size, args.max_pixels, args.device
    )


def _embedder(args: argparse.Namespace) -> Embedder | None:
    from demitasse.embedding import EmbeddingConfig, open_embedder

    if args.method != "embedding":
        return None
    config = EmbeddingConfig(args.embedding, args.embedding_model, args.embedding_url, api_key_env=args.api_key_env)
    return open_embedder(config, args.out / "embeddings")


def _how(
    args: argparse.Namespace,
    policy: SamplingPolicy,
    askers: dict[str, AskerSettings | None],
    embedder: Embedder | None,
) -> Selecting:
    from demitasse.media.cache import FrameCache
    from demitasse.selector.captions import read_captions
    from demitasse.selector.open_asker import open_asker
    from demitasse.selector.run import Selecting

    cache = FrameCache(args.cache)

    def opens(role: str) -> Callable[[], Asker] | None:
        settings = askers[role]
        return partial(open_asker, settings, policy, cache, args.out / f"{role}_calls") if settings else None

    return Selecting(
        method=args.method,
        keep=args.keep,
        policy=policy,
        cache=cache,
        picks=args.picks,
        seed=args.seed,
        captions=read_captions(args.captions) if args.captions else {},
        captioner=opens("captioner"),
        picker=opens("picker"),
        embedder=embedder,
    )


def _settings(
    args: argparse.Namespace,
    policy: SamplingPolicy,
    askers: dict[str, AskerSettings | None],
    embedder: Embedder | None,
) -> dict[str, Any]:
    """Everything that decides the choices, and nothing that does not: a folder may go on after a harmless change."""
    from demitasse.media.probe import content_hash

    settings: dict[str, Any] = {"method": args.method, "keep": args.keep, "sampling": asdict(policy)}
    if args.method == "random":
        settings["seed"] = args.seed
    if args.method in ("picker", "embedding"):
        captioner = askers["captioner"]
        settings["captions"] = content_hash(args.captions) if args.captions else ""
        settings["captioner"] = captioner.record() if captioner else {}
    if args.method == "picker" and (picker := askers["picker"]):
        settings["picker"] = picker.record() | {"picks": args.picks}
    if embedder is not None:
        settings["embedder"] = embedder.name
    return settings
