"""What `demitasse judge` prints: a line for a person, and whether it is a warning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from demitasse.dataset.schema import shown
from evaluate.comparing.arm import load_arm
from evaluate.judging.controls import GOLD, ORDER, SHUFFLED, VERBOSITY
from evaluate.judging.judge import WORK_FOLDER, Judged
from evaluate.judging.judgements import JUDGEMENTS, UNSCORED_LIMIT
from evaluate.judging.marks import marks_changes, marks_table, read_marked, summarise_marks
from evaluate.judging.plan import JudgePlan
from evaluate.judging.profile import JudgeProfile
from evaluate.judging.votes import FAILED, Vote
from evaluate.records import Json

Told = Iterator[tuple[str, bool]]  # a line, and whether it is a warning
_PLAN = "  {:44}{:>8}{:>10}{:>13}{:>13}{:>12}{:>12}"


def lines(folder: Path, done: Judged, profile: JudgeProfile) -> Told:
    """What a judging came to."""
    header = done.header or {}
    yield (
        f"{folder}: {done.items} free-text items, {done.scored} scored, {done.needed_no_judge} faulty without a "
        f"judge, {done.unscored} unscored ({done.unscored / done.items:.1%})",
        False,
    )
    if done.missing:
        yield (
            f"warning: {done.missing} of them have no prediction yet, and count as faulty; run `demitasse predict` to "
            "its end, and judge again",
            True,
        )
    for judge in header["judges"] if header["votes"]["asked"] > done.items or len(header["judges"]) > 1 else ():
        yield f"  {judge['model']}: {_votes(judge['votes'])}", False
    if header["cost_so_far"]:
        yield (
            f"  ${header['cost']:,.4f} now, ${header['cost_so_far']:,.4f} so far; {header['requests']} requests, "
            f"{header['cache_hits']} from the cache",
            False,
        )
    for warning in header["validity"]["warnings"]:
        yield f"warning: {warning}", True
    if done.halted:
        yield f"{folder}: stopped early: {done.halted}", True
    votes = header["votes"]
    if done.exit_code == 3 and not done.halted and (votes["unscored"] or done.unscored > UNSCORED_LIMIT * done.items):
        why = folder / profile.named(WORK_FOLDER) / "quarantine.jsonl"
        yield f"{folder}: too many are unscored ({_commonest(done.votes)}); {why} has all. Run it again.", False


def control_lines(found: Json) -> Told:
    """What the controls and probes came to; a control that does not hold is a warning."""
    for name, one in found["controls"].items():
        if name not in (SHUFFLED, GOLD):
            continue
        for judge, marks in one["judges"].items():
            for key, figures in marks.items():
                told = f"  control {name}, {judge}: {key} {_number(figures['mean'])} over {figures['n']} items"
                wrong = figures["holds"] is False
                bound = f"at {'most' if name == SHUFFLED else 'least'} {figures['limit']:g}"
                yield told + (f", but it should be {bound}" if wrong else ""), wrong
    for name, one in found["probes"].items():
        if name not in (ORDER, VERBOSITY):
            continue
        for judge, marks in one["judges"].items():
            for key, figures in marks.items():
                change = "–" if figures["change"] is None else f"{figures['change']:+.2f}"
                exact = "–" if figures["exact"] is None else f"{figures['exact']:.0%}"
                yield f"  probe {name}, {judge}: {key} {change}, {exact} of {figures['n']} unchanged", False
    if found["controls"]["halted"]:
        yield f"  controls stopped early: {found['controls']['halted']}", True


def plan_lines(plans: Sequence[JudgePlan], budget: float | None) -> Iterator[str]:
    """The plan as a table, one line a judge and folder, and what it comes to."""
    yield _PLAN.format("judge", "kept", "requests", "tokens in", "tokens out", "dollars", "at most")
    for plan in plans:
        dollars = ["no price" if one is None else f"{one:,.4f}" for one in (plan.dollars, plan.most_dollars)]
        tokens = f"~{plan.prompt_tokens:,}", f"~{plan.reply_tokens:,}"
        yield _PLAN.format(plan.judge, plan.kept, f"{plan.requests:,}", *tokens, *dollars)
    known = [plan.dollars for plan in plans if plan.dollars is not None]
    if len(known) < len(plans):
        unknown = ", ".join(sorted({plan.judge for plan in plans if plan.dollars is None}))
        yield f"cost: not known, for there is no price for {unknown}; name a table that has one with --prices"
        return
    most = sum(plan.most_dollars or 0.0 for plan in plans)
    yield f"requests: {sum(plan.requests for plan in plans):,}, if no reply has to be asked for again"
    yield f"cost: about ${sum(known):,.4f}, and ${most:,.4f} if every call is repeated and as long as it may be"
    if budget is not None and sum(known) > budget:
        yield f"budget: ${budget:,.2f} is not enough, and judging will stop before it is passed"


def print_marks(folders: Sequence[Path], profile: JudgeProfile) -> None:
    """Each run's marks, and from the second run on their paired change from the first."""
    judged = [(load_arm(folder), read_marked(folder / profile.named(JUDGEMENTS), profile)) for folder in folders]
    for (arm, rows), folder in zip(judged, folders, strict=True):
        print(f"{folder}: {profile.name}")
        print(marks_table(summarise_marks(arm, profile, rows)))
    for (arm, rows), folder in zip(judged[1:], folders[1:], strict=True):
        print(f"{folders[0]} \u2192 {folder}, paired:")
        for line in marks_changes(judged[0], (arm, rows), profile):
            print(line)


def _commonest(votes: Sequence[Vote]) -> str:
    """How most of the votes failed; of a call that failed, what it died of."""
    failed = Counter(vote.reason if vote.kind == FAILED else vote.kind for vote in votes if vote.marks is None)
    return ", ".join(f"{many:,} of {len(votes):,} votes: {shown(what)}" for what, many in failed.most_common(1))


def _votes(votes: Json) -> str:
    kinds = ", ".join(f"{many} {kind}" for kind, many in votes["unscored_kinds"].items())
    return f"{votes['asked']} votes, {votes['scored']} scored" + (f", {kinds}" if kinds else "")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
