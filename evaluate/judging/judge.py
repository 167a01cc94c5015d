"""Having a model rate free-text answers against the reference: from 1 to 5, or with a benchmark's marks.

The judge reads text only: the question, the reference and the student's final answer, each in a fenced block
(`demitasse.chat.blocks`), so that nothing a student writes is an instruction. Its verdict is read strictly; a
reply without one is sent back once with what is wrong, and then the item is unscored, which is the judge's fault
and never the student's. A valid score, however low, is never asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from demitasse.atomic import write_text
from demitasse.chat.blocks import write_blocks
from demitasse.chat.model import ChatModel, Request, Sampling, Text
from demitasse.engine.caller import Caller, Counts, ParseError, open_caller, provenance
from demitasse.engine.limits import Limits
from demitasse.engine.runner import Finished, run
from demitasse.engine.step import Fields, Quarantine, Record, Step
from demitasse.errors import ConfigError, DataError
from demitasse.prompts import Pack, Placeholders, load_pack
from evaluate.comparing.arm import JUDGE_RUN, Arm
from evaluate.judging.judgements import JUDGEMENTS, UNSCORED_LIMIT, write_judgements
from evaluate.judging.marks import Marked, summarise_marks
from evaluate.judging.profile import LIKERT, JudgeProfile, Marks
from evaluate.metric import JUDGE, metric_of
from evaluate.parse.free import parse_free
from evaluate.records import Fault, write_rows
from evaluate.score.judged import fingerprint

STEP = "judge"
WORK_FOLDER = "judge"  # in the run folder, with the profile's suffix: the engine's journals
ROWS = "rows.jsonl"
MAX_TOKENS = 1024  # room for a judge that reasons; a reply cut short is asked once more with twice as much
LIMITS = Limits(reasks=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judging run did. `items` are all free-text items, `unscored` those that the judge failed on."""

    items: int
    scored: int
    unscored: int
    needed_no_judge: int  # missing, empty, refused or cut off: they have the lowest score already
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0; 3 when more than 2 % are unscored; 130 when interrupted."""
        if self.interrupted:
            return 130
        return 3 if self.unscored > UNSCORED_LIMIT * self.items else 0


def load_rubric(name: str = LIKERT.rubric) -> Pack:
    """The rubric: a pack of `prompts/`, or the path of a person's own .yaml file with the prompt `judge`.

    Raises:
        ConfigError: if it cannot be read or does not use `{blocks}`, where the fenced texts go.
    """
    return load_pack(name, {STEP: Placeholders(required=frozenset({"blocks"}))})


def judge_run(
    arm: Arm,
    model: ChatModel,
    rubric: Pack | None = None,
    limits: Limits = LIMITS,
    allow_self: bool = False,
    progress: bool = True,
    profile: JudgeProfile = LIKERT,
) -> Judged:
    """Judge every free-text item of a run, and write `judgements.jsonl` and `judge.json` into its folder.

    With another profile the files carry its name, and `judge_<name>.json` the means: `score` and `compare` know the
    scale of 1 to 5 alone.

    Replies that were paid for are kept in the run's `judge/` folder: a second run asks only about items whose
    answer, reference, rubric or judge has changed, and those that failed.

    Args:
        arm: the run.
        model: the judge; there is no default.
        rubric: from `load_rubric`; the profile's own if None.
        limits: concurrency, attempts and re-asks.
        allow_self: let a model judge its own answers, which flatters them.
        progress: show a bar.
        profile: what the judge is asked for.

    Raises:
        ConfigError: if the judge is the student and that was not allowed.
        DataError: if the run has no free-text items.
        DemitasseError: if the judge cannot be reached at all, or another process judges this run.
    """
    rubric = rubric or load_rubric(profile.rubric)
    if not allow_self:
        _refuse_self(arm, model)
    items = [asked for asked in arm.items.values() if metric_of(asked.task) is JUDGE]
    if not items:
        raise DataError(f"{arm.folder} has no free-text items; its tasks are scored without a judge")
    records = list(_records(arm))
    bench = _Bench(model, rubric, profile)
    work = arm.folder / profile.named(WORK_FOLDER)
    with open_caller(work, limits) as caller:
        summary = run(
            records,
            [bench.step(caller)],
            work,
            workers=2 * limits.concurrency,
            progress=progress,
            caller=caller,
            models=(model,),
            on_finished=bench.take,
            id_field="item_id",
        )
    scored = sum(one.marks is not None for one in bench.marked)
    done = Judged(
        items=len(items),
        scored=scored,
        unscored=len(records) - scored,
        needed_no_judge=len(items) - len(records),
        interrupted=summary.interrupted,
    )
    bench.write(arm, done, caller.counts)
    return done


class _Bench:
    """The judge at work: what it is asked by, and what it has said."""

    def __init__(self, model: ChatModel, rubric: Pack, profile: JudgeProfile) -> None:
        self.marked: list[Marked] = []
        self._profile = profile
        self._model = model
        self._rubric = rubric
        self._sampling = Sampling(temperature=0.0, max_tokens=MAX_TOKENS, seed=0)
        self._faults: dict[str, tuple[Fault, str]] = {}
        self._answered: set[str] = set()

    def write(self, arm: Arm, done: Judged, counts: Counts) -> None:
        """Write the judgements, and `judge.json` with everything that decided them and what they cost."""
        rows = sorted(self.marked, key=lambda one: one.item_id)
        if self._profile is LIKERT:
            write_judgements(arm.folder / JUDGEMENTS, [one.as_judgement() for one in rows])
        else:
            write_rows(arm.folder / self._profile.named(JUDGEMENTS), [one.to_json() for one in rows])
        figures = {} if self._profile is LIKERT else {"figures": summarise_marks(arm, self._profile, rows)}
        header = {
            "format": "demitasse-judgements-v1",
            "model": self._model.name,
            "answered": sorted(self._answered),
            "rubric": self._rubric.name,
            "rubric_sha256": self._rubric.hash(STEP),
            "system": self._rubric.system,
            "prompt": self._rubric.prompts[STEP],
            "sampling": asdict(self._sampling),
            **asdict(done),
            "requests": counts.requests,
            "usage": asdict(counts.usage),
        } | figures
        write_text(arm.folder / self._profile.named(JUDGE_RUN), json.dumps(header, indent=2, ensure_ascii=False) + "\n")

    def step(self, caller: Caller) -> Step:
        """The engine's step: one item, one judgement."""
        return Step(name=STEP, file=ROWS, version=2, inputs=self._inputs, run=partial(self._judge, caller))

    def take(self, finished: Finished) -> None:
        """Keep an item's judgement, or its fault."""
        item_id, of = finished.record.id, str(finished.record.fields["of"])
        row = finished.rows.get(STEP)
        if row is not None:
            self._answered.update(row["provenance"]["answered"])
            self.marked.append(Marked(item_id, of, row["marks"], row["reason"]))
        elif item_id in self._faults:
            fault, reason = self._faults[item_id]
            self.marked.append(Marked(item_id, of, None, reason, fault))

    def request(self, fields: Fields) -> Request:
        """The request about one item. The rubric is filled in by plain replacement, and the texts are fenced."""
        blocks = write_blocks({name: str(fields[name]) for name in ("question", "reference", "response")})
        # Marker lines must be lines of their own, wherever a person's rubric puts the blocks.
        prompt = self._rubric.render(STEP, {"blocks": f"\n{blocks}\n"})
        return Request(STEP, (Text(prompt),), self._rubric.system, self._profile.schema, self._sampling)

    def _inputs(self, fields: Fields) -> Any:
        return [self._model.name, self.request(fields).key(self._model.name)]

    async def _judge(self, caller: Caller, fields: Fields) -> Fields:
        complaints: list[str] = []
        try:
            answer = await caller.ask(self._model, self.request(fields), partial(self._read, complaints))
        except Quarantine as error:
            fault = Fault.JUDGE_PARSE if complaints else Fault.JUDGE_API
            self._faults[str(fields["item_id"])] = (fault, str(error))
            raise
        marks, reason = answer.value
        return {"marks": marks, "reason": reason, "provenance": provenance(answer)}

    def _read(self, complaints: list[str], text: str) -> tuple[Marks, str]:
        """What the profile reads; that a reply could not be read is also left in `complaints`."""
        try:
            return self._profile.read(text)
        except ParseError as fault:
            complaints.append(str(fault))
            raise


def _records(arm: Arm) -> Iterator[Record]:
    """One record for each free-text item whose reply leaves something to judge."""
    for item_id, asked in arm.items.items():
        if metric_of(asked.task) is not JUDGE:
            continue
        answer = parse_free(arm.predictions.get(item_id)).value
        if answer is not None:
            fields = {"item_id": item_id, "of": fingerprint(asked, answer)}
            texts = {"question": asked.question, "reference": asked.reference, "response": answer}
            yield Record(item_id, fields | texts)


def _refuse_self(arm: Arm, model: ChatModel) -> None:
    """A model rates its own answers too well; compared by the last part of the names."""
    student = str(arm.run.get("student", ""))
    if student and _last_part(student) == _last_part(model.name):
        raise ConfigError(
            f"the judge '{model.name}' is the student '{student}' of {arm.folder}; name another judge, or allow it "
            "with --allow-self-judge"
        )


def _last_part(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1].casefold()
