"""What a stage reads and what it wrote, and whether both are still as they were.

Reads are the paths that the command names and that were there when it began; a path that was not is where the stage
writes, and no input. What it wrote are the files of the run that are new or changed when it ends. A path may be both,
as a folder of predictions is for a judge: there an input is the folder as the stages before had left it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

from demitasse.recipe.aside import ASIDE
from demitasse.recipe.digest import Stamp, file_hash, files_in, joint_hash
from demitasse.recipe.read import Recipe
from demitasse.recipe.record import RECORD, RUNNING, Json, Stage, told_path
from demitasse.recipe.words import section_read, take_apart, within
from demitasse.stages import CHECKOUT

MANY = 20  # files of one folder that a stage wrote: above it they are told of together
ADDS = ("annotate", "judge")  # commands that write into a folder that an earlier stage made
# What a command reads without being told: editing a prompt changes what is asked.
UNNAMED = {"annotate": [CHECKOUT / "prompts"], "judge": [CHECKOUT / "prompts"]}


class Traces:
    """The inputs and outputs of a recipe's stages.

    Args:
        recipe: whose stages they are.
        stages: what is known of each by its place, None for one that was never begun; kept up to date by the caller.
    """

    def __init__(self, recipe: Recipe, stages: Sequence[Stage | None]) -> None:
        self.recipe, self.stages = recipe, stages
        self.words = [take_apart(command) for command in recipe.commands]
        self._run = recipe.run
        self._caches = [self._run / ASIDE, *(cache for words in self.words for cache in words.caches)]
        for place, stage in enumerate(stages):
            if stage and stage.state == RUNNING:
                stage.wrote = self._begun_to_write(place) | stage.wrote

    def settings(self, place: int) -> Json:
        """A hash of what a stage reads of each configuration, by path."""
        words = self.words[place]
        return {
            told_path(self.recipe, file): joint_hash({"": section_read(file, words.section)}) for file in words.configs
        }

    def reads(self, place: int, written: Collection[Path] = ()) -> Json:
        """What the paths that a stage names hold, as the stages before it had left them.

        Args:
            place: of the stage.
            written: where it is known to write; if no stage before it names that, it is no input, whatever lies there.
        """
        known = self.stages[place]
        earlier = known.read if known else {}
        before = self.before(place)
        own = [path for path in written if path in before and not before[path]]
        found = {}
        for name, path in self.named(place).items():
            # What was not there when it was begun first is what it writes itself, whatever lies there by now.
            is_output = path in own or (name in earlier and earlier[name] is None)
            found[name] = None if is_output or not os.path.exists(path) else self._content(place, path)
        return found

    def named(self, place: int) -> dict[str, Path]:
        """The paths that decide what a stage does, by the name that the record has for them."""
        words = self.words[place]
        found: dict[str, Path] = {}
        for path in [*words.paths, *UNNAMED.get(words.name, [])]:
            name = told_path(self.recipe, path)
            while name in found:  # two that differ only in what is not told
                name += "'"
            found[name] = path
        return found

    def before(self, place: int) -> dict[Path, list[int]]:
        """The paths of the run that a stage names, with the places of the stages before it that name them too.

        One that names a folder around a path, or a part of it, counts as well.
        """
        found = {}
        for path in self.words[place].paths:
            if within(path, self._run):
                found[path] = [
                    earlier
                    for earlier in range(place)
                    if any(within(path, one) or within(one, path) for one in self.words[earlier].paths)
                ]
        return found

    def makes(self, place: int) -> list[Path]:
        """The paths of the run that a stage is the first to name: it makes them, if it has not found them there."""
        stage = self.stages[place]
        inputs = [path for name, path in self.named(place).items() if stage and stage.read.get(name)]
        return [path for path, earlier in self.before(place).items() if not earlier and path not in inputs]

    def feeds(self, place: int, later: int) -> bool:
        """Whether a stage writes, as far as can be told before it runs, what a later one read."""
        stage, reader = self.stages[place], self.stages[later]
        written = [self._run / name for name in (stage.wrote if stage else {})]
        written += self.before(place) if self.words[place].name in ADDS else self.makes(place)
        inputs = [path for name, path in self.named(later).items() if reader is None or reader.read.get(name)]
        return any(within(path, one) or within(one, path) for path in inputs for one in written)

    def snapshot(self) -> dict[str, Stamp]:
        """The files of the run."""
        found = files_in(self._run, self._caches)
        found.pop(RECORD, None)
        return found

    def wrote(self, place: int, before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> Json:
        """What is new or changed between two snapshots, and what the stage had written when it was run before.

        A folder that was told of together stays so, however few of its files are written later: nobody knows any more
        how each of the others was.
        """
        folders: dict[str, list[str]] = {}
        for file, stamp in after.items():
            if before.get(file) != stamp:
                folders.setdefault(_folder_of(file), []).append(file)
        found: Json = {}
        for folder, files in folders.items():
            if len(files) > MANY or self._together(place + 1, folder):
                found[folder] = self.place(folder)
            else:
                found |= {file: self.place(file) for file in files}
        known = self.stages[place]
        names = [name for name in (known.wrote if known else {}) if not {name, _folder_of(name)} & found.keys()]
        kept = {name: self.place(name) for name in names}
        return {name: one for name, one in sorted((kept | found).items()) if one is not None}

    def _begun_to_write(self, place: int) -> Json:
        """What a stage that was killed may have written: what lies where it writes and is not as another left it."""
        others = [stage for stage in self.stages if stage and stage is not self.stages[place]]
        named = [path for path in self.words[place].paths if within(path, self._run)]
        found = {}
        for file in self.snapshot():
            if any(within(self._run / file, path) for path in named):
                folder = _folder_of(file)
                name = folder if any(folder in stage.wrote for stage in others) else file
                now = self.place(name)
                if now is not None and all(stage.wrote.get(name) != now for stage in others):
                    found[name] = now
        return found

    def place(self, name: str) -> Json | None:
        """A file of the run, or the files right in one of its folders (`name` ends in a slash); None if it is gone."""
        if not name.endswith("/"):
            path = self._run / name
            return {"bytes": path.stat().st_size, "sha256": file_hash(path)} if path.is_file() else None
        folder = self._run / name
        right_in = {file: stamp for file, stamp in files_in(folder, self._caches).items() if "/" not in file}
        return _joined(_now(folder, right_in)) if right_in else None

    def changed(self, place: int) -> str:
        """What of a finished stage is not as it was, in words; "" if nothing is."""
        stage = self.stages[place]
        assert stage is not None
        for name, settings in self.settings(place).items():
            if stage.settings.get(name) != settings:
                return f"its settings in {name} have changed"
        return self._read_changed(place, stage) or self._wrote_changed(place, stage)

    def _read_changed(self, place: int, stage: Stage) -> str:
        named = self.named(place)
        for name, then in stage.read.items():
            if then is None:
                continue
            if name not in named or not os.path.exists(named[name]):
                return f"{name}, which it reads, is gone"
            if self._content(place, named[name], then)["sha256"] != then["sha256"]:
                return f"{name}, which it reads, has changed"
        return ""

    def _wrote_changed(self, place: int, stage: Stage) -> str:
        later = {name for other in self.stages[place + 1 :] if other for name in other.wrote}
        around = {_folder_of(name) for name in later}  # of which an earlier stage may have told together
        for name, then in stage.wrote.items():
            now = self.place(name)
            if now is None:
                return f"{name}, which it wrote, is gone"
            rewritten = name in later or name in around or _folder_of(name) in later
            if now["sha256"] != then["sha256"] and not rewritten:
                return f"{name}, which it wrote, has changed"
        return ""

    def _content(self, place: int, path: Path, then: Json | None = None) -> Json:
        """What a path holds. `then` is what it held: where sizes and times are the same nothing is read again."""
        if path.is_file():
            stamps = {"": (path.stat().st_size, path.stat().st_mtime_ns)}
        else:
            stamps = files_in(path, self._caches)
        known: dict[str, Json] = {}
        for file in list(stamps) if within(self._run, path) or within(path, self._run) else ():
            whole = path / file if file else path
            if not within(whole, self._run):
                continue
            inside = str(whole.absolute().relative_to(self._run.absolute()))
            if together := self._together(place, _folder_of(inside)):
                del stamps[file]
                known[_folder_of(file) if file else ""] = together
            elif (left := self._left(place, inside)) is not None:
                del stamps[file]
                known |= {file: left} if left else {}
        stamp = joint_hash({file: one["sha256"] for file, one in known.items()} | stamps)
        if then is not None and then.get("stamp") == stamp:
            return then
        return {**_joined(_now(path, stamps) | known), "stamp": stamp}

    def _together(self, place: int, folder: str) -> Json | None:
        """How the last stage before `place` that told of all files right in a folder together had left them.

        For the stages after it they are one thing, until one of those tells of them again.
        """
        told = [stage.wrote[folder] for stage in self.stages[:place] if stage and folder in stage.wrote]
        return told[-1] if told else None

    def _left(self, place: int, inside: str) -> Json | None:
        """A file of the run as the stages before `place` left it, if this one or one after it wrote it.

        None if none did, so that it is as it is now; {} if it was not there.
        """
        if inside == RECORD:
            return {}
        names = (inside, _folder_of(inside))
        if not any(name in stage.wrote for stage in self.stages[place:] if stage for name in names):
            return None
        before = [stage.wrote[inside] for stage in self.stages[:place] if stage and inside in stage.wrote]
        return before[-1] if before else {}


def _folder_of(name: str) -> str:
    return name if name.endswith("/") else f"{PurePosixPath(name).parent}/"


def _now(path: Path, stamps: Mapping[str, Stamp]) -> dict[str, Json]:
    """Files below a path, "" for the path itself, as they are."""
    return {
        file: {"bytes": size, "sha256": file_hash(path / file if file else path)} for file, (size, _) in stamps.items()
    }


def _joined(parts: Mapping[str, Json]) -> Json:
    """Number, bytes and joint hash of files, or of folders that were told of together, by name; "" is a path itself."""
    size, hashes = sum(one["bytes"] for one in parts.values()), {name: one["sha256"] for name, one in parts.items()}
    if list(hashes) == [""]:
        return {"bytes": size, "sha256": hashes[""]}
    return {"files": sum(one.get("files", 1) for one in parts.values()), "bytes": size, "sha256": joint_hash(hashes)}
