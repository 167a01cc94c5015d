"""What a stage needs to be there: files and folders that it names to read, and keys; and where it writes.

Told from its arguments and from the settings that they name. A path that a stage needs is absent if it is not there
and no stage before makes it. Such a stage will be refused when its turn comes, and a person wants to know that before
the others have been paid for.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demitasse.errors import ConfigError
from demitasse.recipe.arguments import has_settings, read_arguments, refusing
from demitasse.recipe.asked import check_prompts, lacking_keys
from demitasse.recipe.forecast import ASKING
from demitasse.recipe.read import Recipe
from demitasse.recipe.words import YAML, Words, settings_in, within

WRITTEN = ("out", "json", "write_spec", "static")  # arguments that say where a command writes
WRITTEN_KEYS = ("results_dir", "output_dir")
UNNEEDED = ("cache", "media")  # what is made where it is missing, and what a report does without
PROMPTS = ("prompts", "prompts_module")  # a name, or a file with one of these endings
SCRIPT = ".py"
# Arguments that are a folder, unless the other one says where a model of that name is served.
FOLDERS = {
    "predict": {"model": "endpoint"},
    "select": {"captioner": "captioner_url", "picker": "picker_url"},
}
READ_KEYS = re.compile(
    r"(.+\.)?(data\.(files|evidence_from|cotasks_from|video_root|image_dir|kitti_label_dir|input_\w*jsonl\w*)"
    r"|validate\.files|model\.path|local\.path|judge\.captions|prices)|questions|vidor|video_map|spans|items|fps|videos"
)
READERS = ("train", "annotate", "gaps")  # commands that read what such keys name
_ADDRESS = re.compile(r"\w+:/")


@dataclass(frozen=True, slots=True)
class Needs:
    """The paths that a stage names, and what it lacks besides.

    Attributes:
        reads: they have to be there when it begins.
        writes: it makes or changes them.
        unset: what the environment lacks for it, in sentences.
    """

    reads: list[Path]
    writes: list[Path]
    unset: list[str] = field(default_factory=list)


def needs_of(
    recipe: Recipe, words: Words, place: int, shown: Callable[[str], str], before: Sequence[Needs] = ()
) -> Needs:
    """What a stage needs.

    Args:
        recipe: that has it.
        words: its command's.
        place: of the stage, from 0.
        shown: a command as it may be printed.
        before: of the stages that will run before it.

    Raises:
        ConfigError: if the command would refuse its arguments, or the prompts that they name.
    """
    args = read_arguments(recipe, place, shown)
    prompts: list[Path] = []
    reads, writes = list(_read_arguments(words.name, args)), list(_paths(args, WRITTEN))
    for key, value in _settings(words):
        leaf = key.rpartition(".")[2]
        if leaf in WRITTEN_KEYS:
            writes.append(Path(value))
        elif leaf in PROMPTS and value.endswith((*YAML, SCRIPT)):
            prompts.append(Path(value))
        elif value and READ_KEYS.fullmatch(key):
            reads.append(Path(value))
    are_there = all(path.is_file() and not any(_makes(stage, path) for stage in before) for path in prompts)
    if are_there and has_settings(recipe, args):
        with refusing(recipe, place, shown):
            check_prompts(words, args)
    needed = [path for path in dict.fromkeys([*reads, *prompts]) if not _ADDRESS.match(str(path))]
    return Needs(needed, writes, lacking_keys(words, args))


def _read_arguments(name: str, args: Namespace) -> Iterator[Path]:
    given = vars(args)
    yield from _paths(args, [one for one in given if one not in WRITTEN + UNNEEDED])
    for folder, served in FOLDERS.get(name, {}).items():
        if given.get(folder) and not given.get(served):
            yield Path(given[folder])
    for run in given.get("runs") or []:
        if isinstance(run, str):  # which may be NAME=RUN
            yield Path(run.partition("=")[2] or run)
    if isinstance(given.get("config"), str):
        yield Path(given["config"])


def _paths(args: Namespace, names: Sequence[str]) -> Iterator[Path]:
    for name in names:
        value = getattr(args, name, None)
        for one in value if isinstance(value, list) else [value]:
            if (isinstance(one, Path) and str(one) != "-") or (isinstance(one, str) and _names_a_file(one)):
                yield Path(one)


def _names_a_file(word: str) -> bool:
    """Whether an argument that may be a name, of a rubric or a profile, is a file's."""
    return word.endswith(YAML) and "=" not in word


def _settings(words: Words) -> Iterator[tuple[str, str]]:
    """The settings of a command that reads files which they name; those of another kind of annotation are not its."""
    if words.name not in READERS:
        return
    kind = ASKING.get(words.words[0] if words.words else "", "")
    others = {section for section in ASKING.values() if section != kind} if words.name == "annotate" else set()
    for key, value in settings_in(words):
        if key.partition(".")[0] not in others:
            yield key, value


def absent(needed: Mapping[int, Needs]) -> dict[Path, list[int]]:
    """What is not there and is made by no stage before the one that needs it, with the places of those that do.

    Args:
        needed: by the stages that are to be run, in order, by their places.
    """
    found: dict[Path, list[int]] = {}
    for place, stage in needed.items():
        before = [needed[earlier] for earlier in needed if earlier < place]
        for path in stage.reads:
            if not path.exists() and not any(_makes(one, path) for one in before):
                found.setdefault(path, []).append(place)
    return found


def absent_lines(recipe: Recipe, needed: Mapping[int, Needs]) -> Iterator[str]:
    """The end of a plan: what is absent, which stages need it, and where to read of it."""
    unset: dict[str, list[int]] = {}
    for place, stage in needed.items():
        for sentence in stage.unset:
            unset.setdefault(sentence, []).append(place)
    for sentence, places in unset.items():
        yield f"lacking: {sentence}; {_stages(places)} it"
    found = absent(needed)
    for path, places in found.items():
        yield f"absent: {path}{_set_by(recipe, path)}, which no stage makes and {_stages(places)}"
    page = _page_of(recipe)
    if found and page:
        yield f"see {page}, ## Data and ## Run, for what to get and where to put it"


def refuse_absent(recipe: Recipe, needed: Mapping[int, Needs], place: int) -> None:
    """Refuse to begin at a stage that cannot run.

    Raises:
        ConfigError: naming what it needs and where to read of it.
    """
    lacking = [f"{path}{_set_by(recipe, path)}" for path, places in absent(needed).items() if place in places]
    first = f"{recipe.path}: stage {place + 1} ({recipe.commands[place].split()[0]}) is the first to run, and"
    if lacking:
        page = _page_of(recipe)
        advice = f"; see {page}, ## Data and ## Run" if page else ""
        raise ConfigError(f"{first} needs what is absent and no stage makes: {' and '.join(lacking)}{advice}")
    if unset := needed[place].unset:
        raise ConfigError(f"{first} would be refused: {' and '.join(unset)}")


def _makes(stage: Needs, path: Path) -> bool:
    """Whether a stage may make a path: it writes there, around it or in it, or works in a folder that holds it."""
    return any(within(path, one) or within(one, path) for one in stage.writes) or any(
        within(path, one) and path != one and one.exists() for one in stage.reads
    )


def _set_by(recipe: Recipe, path: Path) -> str:
    """The recipe's value that says where a path lies, in brackets; "" if none does."""
    for name, value in recipe.values.items():
        if "/" in value and "{*" not in value and Path(recipe.filled(value)) == path:
            return f" ({name}=…)"
    return ""


def _stages(places: Sequence[int]) -> str:
    *others, last = [str(place + 1) for place in places]
    return f"stages {', '.join(others)} and {last} need" if others else f"stage {last} needs"


def _page_of(recipe: Recipe) -> Path | None:
    """The page that says which data a recipe needs: beside its file, or beside the one that it extends."""
    pages = [file.parent / "README.md" for file in recipe.files]
    return next((page for page in pages if page.is_file() and "## Data" in page.read_text(encoding="utf-8")), None)
