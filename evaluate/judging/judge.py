"""Having models rate free-text answers against the reference: from 1 to 5, or with a benchmark's marks.

A judge is given the question, the reference and the student's final answer, each in a fenced block
(`demitasse.chat.blocks`), so that nothing a student writes is an instruction. Its verdict is read strictly, and what
cannot be read is the judge's fault and never the student's (`evaluate.judging.gather`). Several judges and repeats are
kept apart, and only then made one word (`evaluate.judging.pool`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from demitasse.engine.limits import Limits
from demitasse.errors import ConfigError, DataError
from evaluate.asking.provenance import find_out
from evaluate.comparing.arm import JUDGE_RUN, Arm, read_header
from evaluate.judging.family import refuse_self
from evaluate.judging.gather import LIMITS, Gathered, Money, gather_votes
from evaluate.judging.header import make_header, with_controls, write_header
from evaluate.judging.judgements import JUDGEMENTS, UNSCORED_LIMIT, write_judgements
from evaluate.judging.marks import Marked, summarise_marks
from evaluate.judging.pool import pool_votes
from evaluate.judging.profile import LIKERT
from evaluate.judging.protocol import Exchange, Judge, Protocol, exchanges, is_judged
from evaluate.judging.votes import VOTES, Vote, write_votes
from evaluate.records import Asked, Json, write_rows

WORK_FOLDER = "judge"  # in the run folder, with the profile's suffix: the engine's journals


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judging run did. `items` are all free-text items, `unscored` those on which every judge failed."""

    items: int
    scored: int
    unscored: int
    needed_no_judge: int  # missing, empty, refused or cut off: they have the lowest score already
    missing: int = 0  # those of them that the student was not asked yet
    interrupted: bool = False
    halted: str = ""  # why it ended before everything was asked
    votes: Sequence[Vote] = ()
    header: Json | None = None

    @property
    def exit_code(self) -> int:
        """0; 3 when the budget ended it, or more than 2 % of items or votes are unscored; 130 when interrupted."""
        if self.interrupted:
            return 130
        failed = sum(vote.marks is None for vote in self.votes)
        many = self.unscored > UNSCORED_LIMIT * self.items or failed > UNSCORED_LIMIT * len(self.votes)
        return 3 if many or self.halted else 0


def judge_run(
    arm: Arm,
    judges: Sequence[Judge],
    protocol: Protocol | None = None,
    limits: Limits = LIMITS,
    allow_self: bool = False,
    progress: bool = True,
    money: Money | None = None,
    command: str = "",
) -> Judged:
    """Judge every free-text item of a run, and write `judgements.jsonl` and `judge.json` into its folder.

    Every vote stands in `judge_votes.jsonl`. With another profile the files carry its name, and `judge_<name>.json`
    the means: `score` and `compare` know the scale of 1 to 5 alone.

    Replies that were paid for are kept in the run's `judge/` folder: a second run asks only about items whose
    answer, reference, rubric or judge has changed, and those that failed.

    Args:
        arm: the run.
        judges: one or several; there is no default.
        protocol: how they are asked; once each, from 1 to 5, in the words of `prompts/judge/likert.yaml` if None.
        limits: concurrency and attempts, for each judge.
        allow_self: let a model judge its own answers, which flatters them.
        progress: show a bar.
        money: prices, and the most that may be spent.
        command: the command line, kept in `judge.json`.

    Raises:
        ConfigError: if a judge is the student and that was not allowed, or cannot see what it is to be shown.
        DataError: if the run has no free-text items, or one whose key has no question or whose medium is not there.
        DemitasseError: if a judge cannot be reached at all, or another process judges this run.
    """
    protocol = protocol or Protocol()
    items = check_run(arm, judges, protocol, allow_self)
    find_out()
    given = list(exchanges(arm.items, arm.predictions))
    work = arm.folder / protocol.profile.named(WORK_FOLDER)
    gathered = gather_votes(given, judges, protocol, work, limits, money, progress)
    marked = pool_votes(gathered.votes, protocol.profile, protocol.pooling)
    done = _counted(arm, items, given, gathered, marked)
    header = make_header(arm, judges, protocol, gathered, done) | {"command": command}
    header |= _figures(arm, protocol, marked)
    header = with_controls(header, read_header(arm.folder / protocol.profile.named(JUDGE_RUN)))
    _write(arm, protocol, gathered.votes, marked, header)
    return Judged(**done, halted=gathered.halted, votes=gathered.votes, header=header)


def check_run(arm: Arm, judges: Sequence[Judge], protocol: Protocol, allow_self: bool = False) -> list[Asked]:
    """The run's free-text items, after a look at all that can be known to go wrong.

    Raises:
        ConfigError, DataError: as `judge_run`.
    """
    if not judges or protocol.repeats < 1:
        raise ConfigError(f"there are {len(judges)} judges and {protocol.repeats} repeats; there must be 1 or more")
    models = [judge.model for judge in judges]
    if not allow_self:
        refuse_self(arm, models)
    items = [asked for asked in arm.items.values() if is_judged(asked)]
    if not items:
        raise DataError(f"{arm.folder} has no free-text items; its tasks are scored without a judge")
    if protocol.questions:
        protocol.questions.check(items)
    if protocol.sight:
        protocol.sight.check(items, models)
    return items


def _counted(
    arm: Arm, items: Sequence[Asked], given: Sequence[Exchange], gathered: Gathered, marked: Sequence[Marked]
) -> Json:
    scored = sum(one.marks is not None for one in marked)
    return {
        "items": len(items),
        "scored": scored,
        "unscored": len(given) - scored,
        "needed_no_judge": len(items) - len(given),
        "missing": sum(asked.item_id not in arm.predictions for asked in items),
        "interrupted": gathered.interrupted,
    }


def _figures(arm: Arm, protocol: Protocol, marked: Sequence[Marked]) -> Json:
    """The means of a profile's marks; those from 1 to 5 are `compare`'s."""
    return {} if protocol.profile is LIKERT else {"figures": summarise_marks(arm, protocol.profile, marked)}


def _write(arm: Arm, protocol: Protocol, votes: Sequence[Vote], marked: Sequence[Marked], header: Json) -> None:
    profile = protocol.profile
    write_votes(arm.folder / profile.named(VOTES), votes)
    if profile is LIKERT:
        write_judgements(arm.folder / JUDGEMENTS, [one.as_judgement() for one in marked])
    else:
        write_rows(arm.folder / profile.named(JUDGEMENTS), [one.to_json() for one in marked])
    write_header(arm.folder / profile.named(JUDGE_RUN), header)
