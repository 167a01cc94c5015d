"""Whom a stage asks, and with which prompts: as its own command reads that from its arguments and settings.

A key that is not in the environment, or a pack without the prompts, would else be found when the stage begins, after
those before it have been paid for.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from demitasse.errors import ConfigError
from demitasse.recipe.forecast import ASKING, has_teacher
from demitasse.recipe.words import QUALITY, Words

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)

Look = Callable[[], object]  # raises ConfigError if a key is not there


def lacking_keys(words: Words, args: Namespace) -> list[str]:
    """What the environment lacks for the endpoints of a stage, in one sentence each; no key is shown.

    A server on this machine, a model in this process and the scripted stand-in need nothing.

    Args:
        words: of the stage's command.
        args: that its parser made of them.
    """
    try:
        looks = list(_looks(words, args))
    except ConfigError:  # settings that are absent, or that an earlier stage is to write
        return []
    found: dict[str, None] = {}
    for look in looks:
        try:
            look()
        except ConfigError as fault:
            found[str(fault)] = None
    return list(found)


def check_prompts(words: Words, args: Namespace) -> None:
    """Refuse a pack that an annotation could not begin with: it is not there, or lacks what its steps ask.

    Raises:
        ConfigError: as the run would.
    """
    if _is_quality(words):
        config = _stage("annotate.quality.config").read_quality(args.config, args.overrides)
        if _stage("annotate.quality.config").needed_endpoints(config):
            from demitasse.prompts import load_pack

            load_pack(config.prompts, _stage("annotate.quality.prompts").PROMPTS)
    elif words.name == "annotate" and (section := _section(words, args)) and not args.write_spec:
        package = _stage("annotate.sections").PIPELINES[section].package
        _stage(f"{package}.work").job_of(_spec_class(section).read(args.config, args.overrides))


def _looks(words: Words, args: Namespace) -> Iterator[Look]:
    if words.name == "judge":
        yield from _of_judges(args)
    elif _is_quality(words):
        quality = _stage("annotate.quality.config")
        yield from map(
            _of_endpoint, quality.needed_endpoints(quality.read_quality(args.config, args.overrides)).values()
        )
    elif section := _section(words, args):
        yield from _of_spec(section, args)
    elif hasattr(args, "api_key_env"):
        addresses = (value for value in vars(args).values() if isinstance(value, str) and _ADDRESS.match(value))
        yield from (_key(address, args.api_key_env) for address in addresses)
    if isinstance(getattr(args, "embedding", None), list):
        from demitasse.config import read_config
        from demitasse.embedding.config import EmbeddingConfig, check_key

        yield partial(check_key, read_config(EmbeddingConfig, None, args.embedding))
    if getattr(args, "push", None):
        yield _stage("train.after.push").hub_token


def _of_judges(args: Namespace) -> Iterator[Look]:
    jury = _stage("evaluate.judging.jury")
    named = [jury.JudgeSettings(name, args.base_url or "", args.api_key_env) for name in args.model]
    for judge in jury.read_jury(args.judges) if args.judges else named:
        if not judge.is_scripted:
            yield _key(judge.base_url or jury.OPENAI_URL, judge.api_key_env)


def _of_spec(section: str, args: Namespace) -> Iterator[Look]:
    if getattr(args, "write_spec", None) or getattr(args, "merge", False):  # then nobody is asked
        return
    spec = _spec_class(section).read_draft(args.config, args.overrides)
    spec.order_steps()
    yield from map(_of_endpoint, spec.endpoints().values())
    if section == ASKING["espresso"]:
        from demitasse.embedding.config import check_key

        config = spec.section
        if _stage("annotate.espresso.config").compares(config):
            yield partial(check_key, config.embedding)
        if config.boxes.service and "6" in config.workflow.steps:
            yield partial(_stage("annotate.espresso.box_service").service_key, config.boxes)


def _of_endpoint(endpoint: Any) -> Look:
    """Of an `annotate.endpoints.Endpoint`."""
    known = _stage("annotate.endpoints")
    variables, url = {
        "openai": (known.OPENAI_KEYS, known.OPENAI_URL),
        "gemini": (known.GEMINI_KEYS, known.GEMINI_URL),
    }.get(endpoint.backend, ((), ""))
    settings = getattr(endpoint, endpoint.backend)
    return _key(settings.base_url or url, *variables) if variables and not settings.api_key else lambda: None


def _key(address: str, *variables: str) -> Look:
    from demitasse.chat.hosts import read_key

    return partial(read_key, variables, address)


def _section(words: Words, args: Namespace) -> str | None:
    """The section of a spec that a command reads to ask models; None for one that reads none, or asks none."""
    if words.name == "check":
        section: str = _stage("annotate.sections").section_of(args.config, args.overrides)
        return section
    kind = args.kind if words.name == "annotate" else ""
    return None if kind == "cotasks" and not has_teacher(words) else ASKING.get(kind)


def _is_quality(words: Words) -> bool:
    return words.section == QUALITY


def _spec_class(section: str) -> Any:
    return _stage("annotate.run.spec").spec_class(section)


def _stage(module: str) -> Any:
    from demitasse import cli  # not above: the command line imports the module that imports this one

    return cli.of_stage(module)
