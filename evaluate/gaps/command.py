"""`demitasse gaps`: from what a student gets wrong to the spec of the next annotation run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.atomic import write_text
from demitasse.config.overrides import take_overrides_anywhere
from demitasse.errors import ConfigError, DataError
from demitasse.visible import visible
from evaluate.gaps import choose, spec
from evaluate.gaps.find import FEWEST_VIDEOS, Finding, Gap, failed, find_gaps
from evaluate.gaps.known_media import media_of, media_of_run
from evaluate.metric import METRICS
from evaluate.spelled import spelled

if TYPE_CHECKING:
    from evaluate.comparing.arm import Arm
    from evaluate.records import Scored

WORST = 3  # videos and kinds that the printed line of a task names
_MARKS = {Finding.GAP: "gap ", Finding.UNSURE: "  ? ", Finding.NO_GAP: "    "}


def add_gaps_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse gaps`."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a folder that `demitasse predict` wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder for gaps.json and, with --spec, spec.yaml")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="a task is a gap if more surely fails (default: %(default)s)",
    )
    parser.add_argument(
        "--fewest-videos",
        type=int,
        default=FEWEST_VIDEOS,
        metavar="N",
        help="a task of fewer videos is no gap, but too little to say (default: %(default)s)",
    )
    parser.add_argument("--tasks", nargs="+", default=[], help="look at these tasks only")
    parser.add_argument("--skip-gold-faults", action="store_true", help="leave out items whose reference is at fault")
    group = parser.add_argument_group("the next annotation run")
    group.add_argument("--spec", type=Path, metavar="FILE", help="a spec of `demitasse annotate`, to be narrowed")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="of the spec, as for `demitasse annotate`")
    group.add_argument("--section", default="", choices=tuple(spec.FOLDER), help="of the spec, where it has both")
    group.add_argument(
        "--leave-out",
        nargs="+",
        type=Path,
        default=[],
        metavar="PATH",
        help="choose no video or image of these runs and datasets: a test set's, those annotated before",
    )
    group.add_argument(
        "--files", type=int, default=100, metavar="N", help="videos or images to annotate (default: %(default)s)"
    )
    group.add_argument(
        "--captions", type=Path, metavar="FILE", help="captions.jsonl of the pool: what is like the failures goes first"
    )
    group.add_argument(
        "--seed", type=int, default=0, help="of the choice where there are no captions (default: %(default)s)"
    )
    take_overrides_anywhere(parser)


def check_gaps_arguments(args: argparse.Namespace) -> spec.Draft | None:
    """Refuse what contradicts itself; returns the spec to be narrowed.

    Raises:
        ConfigError: naming the argument.
    """
    if not 0 <= args.tolerance < 1 or min(args.files, args.fewest_videos) < 1:
        raise ConfigError("--tolerance must be from 0 to below 1, and --files and --fewest-videos 1 or more")
    if args.leave_out and not args.spec:
        raise ConfigError("--leave-out is said of the files that a spec chooses from; name it with --spec")
    if args.overrides and not args.spec:
        raise ConfigError(f"'{args.overrides[0]}' is for a spec; name it with --spec")
    return spec.read_draft(args.spec, args.section, args.overrides) if args.spec else None


def run_gaps(args: argparse.Namespace) -> int:
    """Find the gaps, print them, and write the next run's spec; 3 if part of the run has no score."""
    from evaluate.comparing.arm import check_gold, load_arm

    draft = check_gaps_arguments(args)
    arm = load_arm(args.run)
    scores = arm.scores(without=check_gold(arm.items, args.skip_gold_faults)).values()
    rows = [row for row in scores if not args.tasks or row.asked.task in args.tasks]
    found = find_gaps(rows)
    if not found:
        raise DataError(f"{args.run}: no item of {', '.join(args.tasks) or 'any task'} has a score")
    findings = {gap.task: gap.finding(args.tolerance, args.fewest_videos) for gap in found}
    gaps = [gap for gap in found if findings[gap.task] is Finding.GAP]
    unsure = [gap.task for gap in found if findings[gap.task] is Finding.UNSURE]
    record = {
        "format": "demitasse-gaps-v1",
        "run": str(args.run),
        "settings_sha256": arm.run.get("settings_sha256"),
        "command": spelled("gaps", args),
        "tolerance": args.tolerance,
        "fewest_videos": args.fewest_videos,
        "gaps": [gap.task for gap in gaps],
        "too_little_to_say": unsure,
        "tasks": [gap.to_json() | {"finding": findings[gap.task]} for gap in found],
    }
    for gap in found:
        print(visible(_line(gap, findings[gap.task])))
    if unsure:
        print(
            f"too little to say of {visible(', '.join(unsure))}: what fails there can be chance, or is of fewer than "
            f"{args.fewest_videos} videos; evaluate on more, or lower --fewest-videos"
        )
    if draft is not None and gaps:
        record["next"] = _next_run(args, draft, arm, rows, gaps)
    elif draft is not None:
        print("no task surely fails more often than is tolerated: there is nothing to annotate")
        (args.out / spec.SPEC).unlink(missing_ok=True)  # of an earlier look, which is not to be annotated by now
    write_text(args.out / "gaps.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    unscored = sum(row.score is None for row in rows)
    if unscored:
        print(f"{unscored} items have no score (`demitasse judge` gives free text one), so nothing is known of them")
    return 3 if unscored else 0


def _line(gap: Gap, finding: Finding) -> str:
    """A task in one line: how much fails, how surely, of how many videos, and in which way most."""
    bounds = f" [{gap.interval[0]:.0%}, {gap.interval[1]:.0%}]" if gap.interval else ""
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in list(gap.kinds.items())[:WORST])
    medium = METRICS[gap.metric].medium
    about = f"{len(gap.videos)} {medium}{'s' if len(gap.videos) > 1 else ''}"
    of = f"{gap.failed} of {gap.items} fail, {gap.share:.0%}{bounds}, {about}"
    return f"{_MARKS[finding]}{gap.task}: {of}{f': {kinds}' if kinds else ''}"


def _next_run(
    args: argparse.Namespace, draft: spec.Draft, arm: Arm, rows: Sequence[Scored], gaps: Sequence[Gap]
) -> dict[str, object]:
    """Choose files, write the spec, say so; what was done, for `gaps.json`."""
    tasks = [gap.task for gap in gaps if gap.task in spec.TASKS[draft.section]]
    passed = [gap.task for gap in gaps if gap.task not in tasks]
    if not tasks:
        raise ConfigError(
            f"{draft.path} annotates by {draft.section}, which makes no items of {', '.join(passed)}; give another spec"
        )
    named = frozenset[str]().union(*map(media_of, args.leave_out))
    pool = choose.read_pool(draft.folder, spec.SUFFIXES[draft.section], media_of_run(arm), named)
    if args.captions:
        from demitasse.embedding import EmbeddingConfig, open_embedder

        wrong = [[_told(row) for row in rows if row.asked.task == task and failed(row)] for task in tasks]
        captions = choose.read_captions(args.captions)
        order = choose.nearest(pool, captions, wrong, open_embedder(EmbeddingConfig()), args.seed)
    else:
        order = choose.in_some_order(pool, args.seed)
    chosen = {name: pool.files[name] for name in order[: args.files]}
    path = spec.write_spec(draft, tasks, chosen, args.out)
    print(f"{path}: {len(chosen)} of {len(pool.files)} files, for {', '.join(tasks)}")
    if pool.evaluated:
        print(f"{len(pool.evaluated)} files of {draft.folder} were left out, as the student was evaluated on them")
    if pool.named:
        print(f"{len(pool.named)} files of {draft.folder} were left out, as --leave-out names them")
    if passed:
        print(f"not asked for, as {draft.section} makes no such items: {', '.join(passed)}")
    print(f"next: demitasse annotate {spec.COMMAND[draft.section]} --config {path}")
    return {
        "spec": str(path),
        "tasks": tasks,
        "files": list(chosen),
        "left_out_as_evaluated": list(pool.evaluated),
        "left_out_as_named": list(pool.named),
        "left_out_as_unusable": [list(one) for one in pool.skipped],
        "by": "captions" if args.captions else "chance",
    }


def _told(row: Scored) -> str:
    return f"{row.asked.question}\n{row.asked.reference}"
