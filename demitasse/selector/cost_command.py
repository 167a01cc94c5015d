"""`demitasse select cost`: reasoners side by side, shown all frames and shown chosen ones, the choosing included."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from demitasse.atomic import write_text
from demitasse.errors import ConfigError, DataError
from demitasse.selector.cost import Case, Cost, selected_cost
from demitasse.selector.dimensions import read_dimensions

_CASE = Case()
_TOKENS = {
    "prompt": "tokens of the question",
    "answer": "tokens of the reasoner's answer",
    "caption_prompt": "tokens of what a captioner is asked",
    "caption": "tokens of a caption",
    "pick": "tokens of a picker's reply",
}


def add_cost_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse select cost`."""
    parser.set_defaults(select=run_cost)
    model = "a model's folder, or a config.json"
    parser.add_argument("--reasoner", nargs="+", type=Path, required=True, metavar="CONFIG", help=f"each {model}")
    parser.add_argument("--captioner", type=Path, metavar="CONFIG", help=f"{model}; none: captions cost nothing")
    parser.add_argument("--picker", type=Path, metavar="CONFIG", help=f"{model}; none: choosing costs nothing")
    parser.add_argument("--run", type=Path, help="take frames and kept frames from what `select frames` wrote")
    parser.add_argument(
        "--frames", type=int, default=_CASE.frames, help="sampled, a second apart (default: %(default)s)"
    )
    parser.add_argument("--kept", type=float, default=_CASE.kept, help="kept on average (default: %(default)s)")
    parser.add_argument("--width", type=int, default=_CASE.width, help="of a frame in pixels (default: %(default)s)")
    parser.add_argument("--height", type=int, default=_CASE.height, help="of a frame in pixels (default: %(default)s)")
    for name, what in _TOKENS.items():
        default = getattr(_CASE, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=int, default=default, help=f"{what} (default: %(default)s)"
        )
    parser.add_argument(
        "--picks", choices=("list", "each"), default="list", help="how the picker is asked (default: %(default)s)"
    )
    parser.add_argument("--measure", action="store_true", help="time it on this machine, too: folders with weights")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table's figures there")


def run_cost(args: argparse.Namespace) -> int:
    """Print the table."""
    case = _case(args)
    captioner, picker = (read_dimensions(path) if path else None for path in (args.captioner, args.picker))
    rows = [selected_cost(read_dimensions(path), captioner, picker, case) for path in args.reasoner]
    if args.measure:
        from demitasse.selector.measure import measure

        seconds = measure(args.reasoner, args.captioner, args.picker, case)
        rows = [replace(row, seconds=one) for row, one in zip(rows, seconds, strict=True)]
    print(cost_table(rows))
    if args.json is not None:
        told = {"case": asdict(case), "rows": [asdict(row) | {"total": row.total} for row in rows]}
        write_text(args.json, json.dumps(told, indent=2) + "\n")
    return 0


def cost_table(rows: list[Cost]) -> str:
    """TFLOPs of one question, and seconds where they were measured. The selector's own part is in the total."""
    width = max(len("reasoner"), *(len(row.reasoner) for row in rows))
    timed = any(row.seconds for row in rows)
    lines = [
        f"TFLOPs of one question{'':{max(0, width - 8)}}  frames      tokens",
        f"{'reasoner':{width}}   in   kept    ratio  all frames    kept  + select   = total   of all"
        + "   s: all    kept  select" * timed,
    ]
    for row in rows:
        line = (
            f"{row.reasoner:{width}}  {row.frames_in:3}  {row.frames_kept:5.2f}    {row.token_ratio:5.2f}"
            f"  {_tera(row.all_frames)}{_tera(row.reasoning)}{_tera(row.selecting)}{_tera(row.total)}"
            f"  {row.total / row.all_frames:6.1%}"
        )
        if row.seconds:
            line += f"  {row.seconds.all_frames:7.3f} {row.seconds.reasoning:7.3f} {row.seconds.selecting:7.3f}"
        lines.append(line)
    return "\n".join(lines)


def _tera(value: float) -> str:
    """Four figures, as a toy's cost and a large model's stand in one table."""
    return f"{value:10.4g}"


def _case(args: argparse.Namespace) -> Case:
    names = ("frames", "kept", "width", "height", *_TOKENS)
    case = Case(**{name: getattr(args, name) for name in names}, each=args.picks == "each")
    if args.run is not None:
        sampled, kept = _counts(args.run)
        case = replace(case, frames=sampled, kept=kept)
    if min(case.frames, case.width, case.height) < 1 or not 0 <= case.kept <= case.frames:
        raise ConfigError(f"--frames {case.frames} --kept {case.kept:g}: keep from none to all of one frame or more")
    if min(getattr(case, name) for name in _TOKENS) < 0:
        raise ConfigError("numbers of tokens must be 0 or more")
    return case


def _counts(run: Path) -> tuple[int, float]:
    """Sampled and kept frames of a selection, on average."""
    path = run / "run.json"
    try:
        counts = json.loads(path.read_text(encoding="utf-8"))["counts"]
        return round(counts["sampled"]), float(counts["kept"])
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise DataError(f"{path} tells of no finished selection ({fault!r}); run `demitasse select frames`") from fault
