"""How many injected defects each quality filter finds, and how many sound items it takes for bad.

    python benchmarks/quality_defects.py [--quick]

Toy clips are annotated by the scripted teacher, a share of the items is given one defect each, and the filters run
with scripted models. Precision counts whatever a filter drops that was given another defect or none as an error;
the blind filter is measured apart, because its stand-in guesses and is now and then right by chance. What the model
filters score here says that they are wired up, not how good a real judge is. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from demitasse.dataset import Item, TaskFile, read_folder
from demitasse.stages import use_checkout
from demitasse.toyworld.render import render_clip

use_checkout()  # the stages are found through the checkout, wherever this is started

from annotate.quality.config import read_quality  # noqa: E402
from annotate.quality.entry import CHOICE, Entry, read_entries  # noqa: E402
from annotate.quality.pipeline import filter_items  # noqa: E402
from annotate.video_reasoning.assemble import FOLDER  # noqa: E402
from annotate.video_reasoning.config import Spec  # noqa: E402
from annotate.video_reasoning.pipeline import run_of  # noqa: E402

SECTION = "video_reasoning_annotation"
SHARE = 0.1  # of the items that a defect fits
# What a filter should find besides its own: a judge sees whatever is false in the video.
ALSO = {"judge": ("answer", "consistency", "times"), "consistency": ("answer",)}
LEAKS = (
    "According to the caption, {}",
    "{} The description says so.",
    "{} As stated in the provided captions, it is so.",
)
Defect = Callable[[Item, Entry, random.Random], Item | None]


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="12 clips instead of 60")
    clips = 12 if parser.parse_args().quick else 60
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), clips)
    print(f"{'filter':14}{'defects':>8}{'found':>7}{'dropped':>9}{'precision':>11}{'recall':>8}")
    for name, (injected, found, dropped) in rows.items():
        print(f"{name:14}{injected:8}{found:7}{dropped:9}{_share(found, dropped):>11}{_share(found, injected):>8}")
    result = {name: dict(zip(("defects", "found", "dropped"), row, strict=True)) for name, row in rows.items()}
    print(json.dumps({"name": "quality_defects", "clips": clips, "filters": result}))


def measure(folder: Path, clips: int) -> dict[str, tuple[int, int, int]]:
    """For each filter: defects that it should find, those it dropped, and all that it dropped."""
    files = _annotated(folder, clips)
    defects: dict[str, str] = {}
    spoiled = [_spoiled(file, defects) for file in files]
    config = read_quality(
        None,
        [
            "filters=[times,leak,option_length,consistency,duplicates,judge]",
            "flag_only=[times,leak,option_length,consistency,duplicates,judge]",  # so that each sees every item
            "consistency.model=true",
            "vlm.backend=scripted",
            "llm.backend=scripted",
            "max_workers=8",
        ],
    )
    found = filter_items(spoiled, config, folder / "quality", progress=False)
    rows = {}
    for name in config.filters:
        dropped = {one for one, verdicts in found.verdicts.items() if verdicts[name].word == "drop"}
        meant = {one for one, defect in defects.items() if _finds(name, defect)}
        rows[name] = (len(meant), len(meant & dropped), len(dropped))
    return rows


def _finds(name: str, defect: str) -> bool:
    """Whether a filter should find a defect: answer and reasoning disagree for whoever compares the two."""
    return name == defect or defect in ALSO.get(name, ())


def _annotated(folder: Path, clips: int) -> list[TaskFile]:
    (folder / "videos").mkdir()
    for number in range(clips):
        render_clip(folder / "videos" / f"{number:05d}.mp4", number)
    settings = [f"{SECTION}.{name}.backend=scripted" for name in ("vlm", "llm")]
    settings += [f"results_dir={folder / 'ann'}", f"{SECTION}.data.video_root={folder / 'videos'}"]
    run_of(Spec.read(None, settings)).annotate(progress=False)
    return read_folder(folder / "ann" / FOLDER)


def _spoiled(file: TaskFile, defects: dict[str, str]) -> TaskFile:
    """The file with one defect in some items; `defects` gets the kind by the id of the spoiled item."""
    items: list[Item] = []
    kinds: list[str] = []
    for entry in read_entries([file]):
        chance = random.Random(f"defect of {entry.id}")
        name, defect = chance.choice(list(DEFECTS.items()))
        made = defect(entry.item, entry, chance) if chance.random() < SHARE * len(DEFECTS) / 2 else None
        copies = [entry.item, made] if made is not None and name == "duplicates" else [made or entry.item]
        items += copies
        kinds += ([""] if len(copies) == 2 else []) + [name if made is not None else ""]
    spoiled = replace(file, items=items)
    defects |= {entry.id: kind for entry, kind in zip(read_entries([spoiled]), kinds, strict=True) if kind}
    return spoiled


def _leak(item: Item, _: Entry, chance: random.Random) -> Item | None:
    return replace(item, reasoning=chance.choice(LEAKS).format(item.reasoning))


def _late(item: Item, _: Entry, chance: random.Random) -> Item | None:
    return replace(item, reasoning=f"{item.reasoning} At 00:{chance.randint(12, 59)} nothing has changed.")


def _long_option(item: Item, entry: Entry, _: random.Random) -> Item | None:
    if entry.task not in CHOICE:
        return None
    longer = f"{entry.right_text} the whole time, from first to last"
    return replace(
        item,
        question=item.question.replace(entry.right_text, longer),
        answer=item.answer.replace(entry.right_text, longer),
    )


def _other_conclusion(item: Item, entry: Entry, chance: random.Random) -> Item | None:
    others = [text for letter, text in entry.question.options.items() if letter != entry.right]
    if entry.task in CHOICE:
        return replace(item, reasoning=f"The shape is followed to the end. So it is {chance.choice(others)}.")
    if entry.right:
        return replace(item, reasoning=f"{item.reasoning} The answer is {'no' if entry.right == 'yes' else 'yes'}.")
    return None


def _twice(item: Item, _: Entry, __: random.Random) -> Item | None:
    return replace(item, question=f"Tell me: {item.question[0].lower()}{item.question[1:]}", item_index="again")


def _wrong_answer(item: Item, entry: Entry, chance: random.Random) -> Item | None:
    if entry.task == "mcq":
        return replace(
            item, answer=chance.choice([letter for letter in entry.question.options if letter != entry.right])
        )
    if entry.task == "bcq":
        return replace(item, answer="No" if entry.right == "yes" else "Yes")
    return None


DEFECTS: dict[str, Defect] = {
    "leak": _leak,
    "times": _late,
    "option_length": _long_option,
    "consistency": _other_conclusion,
    "duplicates": _twice,
    "answer": _wrong_answer,
}


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "-"


if __name__ == "__main__":
    main()
