"""The pack that a workshop ends in: short, with what each part is for beside it, and so easy to go on editing."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator

import yaml

from annotate.video_reasoning.prompt_keys import QA_TYPES
from annotate.workshop.answers import TEMPLATE, Answers, Words, missing, needed
from demitasse.config.save import Dumper
from demitasse.prompts import PackText

_WIDTH = 116
_SECTION = "video_reasoning_annotation"


def pack_yaml(answers: Answers, template: PackText) -> str:
    """The pack as YAML. Only the words that differ from domain to domain are in it; the template has the rest."""
    qa_types = answers.qa_types or list(QA_TYPES)
    lines = [
        f"# Prompts for: {' '.join(answers.about.split())}",
        "#",
        "# Written by `demitasse annotate workshop`, to be edited from here on. The words take the place of the marks",
        "# in prompts/template.yaml; a prompt that shall read quite differently can be written out in full",
        "# under a section `prompts:` of this file, and takes the place of the template's.",
        f"# Question types: {', '.join(qa_types)}.",
        "",
        f"about: {_scalar(answers.about)}",
        f"extends: {TEMPLATE}",
        "",
        "fill:",
    ]
    left = set(missing(answers, template))
    for name in needed(template, qa_types):
        lines += ["", *_wrapped(template.placeholders[name], "  # ")]
        lines += [f"  {name}:  # still to be written"] if name in left else _written(name, answers.words[name])
    return "\n".join(lines) + "\n"


def pilot(pack: str, qa_types: list[str]) -> str:
    """What to do with a new pack: the commands of a pilot, and what to read in it."""
    some = f" \\\n      '{_SECTION}.workflow.qa_types=[{', '.join(qa_types)}]'"
    chosen = "" if set(qa_types) == set(QA_TYPES) else some
    return f"""Try it on 5 to 10 videos before anything larger:

  demitasse annotate video --write-spec spec.yaml        (then set vlm and llm in it)
  demitasse check --config spec.yaml
  demitasse annotate video --config spec.yaml results_dir=pilot \\
      {_SECTION}.prompts={shlex.quote(pack)} \\
      {_SECTION}.data.video_root=VIDEOS{chosen}

Then read, in this order, with the checklist at hand:

  pilot/step_1a_caption/captions.jsonl            is everything there that must be captured, and nothing invented?
  pilot/step_2_description/descriptions.jsonl     one account without contradictions, times inside the video?
  pilot/step_3_qa/qa_output.jsonl                 does each question need the video, and is its answer right?

Mend the words for captions first, since all else is made of them, and run the last command again: only what an edit
of {pack} touches is asked again."""


def _written(name: str, words: Words) -> Iterator[str]:
    if not words:
        yield f'  {name}: ""'
    elif isinstance(words, list):
        yield f"  {name}:"
        yield from (f"    - {_scalar(word)}" for word in words)
    elif "\n" in words:
        yield f"  {name}: |-"
        yield from (f"    {line}" for line in words.splitlines())
    elif len(words) > _WIDTH - len(name) and words == " ".join(words.split()):
        yield f"  {name}: >-"
        yield from _wrapped(words, "    ")
    else:
        yield f"  {name}: {_scalar(words)}"


def _scalar(text: str) -> str:
    dumped = yaml.dump([text], Dumper=Dumper, default_flow_style=True, allow_unicode=True, width=10**6)
    return dumped.strip()[1:-1]


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
