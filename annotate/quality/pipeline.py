"""A run from task files to kept and rejected ones.

The free filters come first: they are pure functions of the data, computed anew each time, and the items that one of
them drops are not paid for. What costs time or money runs in the engine: files are measured once each, and the
filters that ask a model have journals, so that a run that is repeated or was killed buys nothing twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotate.quality.blind import one_sided
from annotate.quality.config import Quality, needed_endpoints
from annotate.quality.consistency import judge_consistency
from annotate.quality.duplicates import judge_duplicates
from annotate.quality.entry import Entry, read_entries
from annotate.quality.leak import judge_leak
from annotate.quality.letters import judge_letters
from annotate.quality.media import Measured, measure, told_length
from annotate.quality.option_length import judge_option_length
from annotate.quality.paid import Office, PaidFilter, Watched
from annotate.quality.prompts import PROMPTS
from annotate.quality.times import judge_times
from annotate.quality.verdict import Verdict, unknown
from annotate.run.models import open_models
from demitasse.chat.model import ChatModel
from demitasse.dataset import TaskFile
from demitasse.engine.caller import Counts
from demitasse.engine.outcomes import Summary
from demitasse.engine.runner import Finished, run
from demitasse.engine.step import Record
from demitasse.media.pool import DecodePool
from demitasse.prompts import Pack, load_pack

FOLDER = "filters"  # in the results folder: journals
ASKED = "asked"  # in there: of the filters that ask a model
MOST_DECODERS = 8
LONGEST_WHOLE = 60.0  # seconds of video that are sent as a file; longer ones go as frames
FEWEST_FRAMES = 4

Verdicts = dict[str, dict[str, Verdict]]  # by item, by filter


@dataclass
class Filtered:
    """What a run found.

    Attributes:
        entries: all items, in order, as they are to be written.
        before: the same as they were read.
        verdicts: by item and filter; every item has one of every chosen filter.
        interrupted: whether Ctrl-C cut it off.
        halted: why it was ended on purpose: the budget is spent. "" if it was not.
        models: names of the models that were asked, by endpoint.
        counts: what was asked for in this run.
    """

    entries: list[Entry]
    before: list[Entry]
    verdicts: Verdicts
    interrupted: bool = False
    halted: str = ""
    models: dict[str, str] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)

    @property
    def cut_off(self) -> bool:
        """Whether the run ended before its end; then nothing is to be written."""
        return self.interrupted or bool(self.halted)

    def note_end(self, summary: Summary) -> None:
        """Note how a run of the engine ended."""
        self.interrupted, self.halted = summary.interrupted, summary.halted


def filter_items(
    files: Sequence[TaskFile],
    config: Quality,
    results_dir: Path,
    models: Mapping[str, ChatModel] | None = None,
    progress: bool = True,
    pool: DecodePool | None = None,
) -> Filtered:
    """Put every item of the files before every chosen filter.

    Args:
        files: the data.
        config: the section `quality`, checked (`read_quality`).
        results_dir: gets the journals.
        models: in the place of the endpoints that the configuration names, by "vlm" and "llm".
        progress: show bars on stderr.
        pool: decode workers to be used; None starts some for this run.

    Raises:
        DemitasseError: for data or a configuration that cannot be used, or an endpoint that ended the run.
    """
    entries = read_entries(files)
    asked = results_dir / FOLDER / ASKED
    models = dict(models) if models is not None else open_models(needed_endpoints(config), asked)
    pack = load_pack(config.prompts, PROMPTS)
    with ExitStack() as stack:
        pool = pool or stack.enter_context(DecodePool(min(MOST_DECODERS, os.cpu_count() or 1)))
        work = _Work(config, results_dir / FOLDER, entries, models, pack, pool, progress)
        work.measure()
        work.judge_freely()
        if models and not work.filtered.cut_off:
            work.ask(files)
        if not work.filtered.cut_off and "letters" in config.filters:
            work.balance_letters()
    return work.filtered


def is_dropped(verdicts: Mapping[str, Verdict], config: Quality) -> bool:
    """Whether an item is rejected by the verdicts that there are."""
    binding = [verdict for name, verdict in verdicts.items() if name not in config.flag_only]
    return any(verdict.word == "drop" or (verdict.word == "unknown" and config.drop_unknown) for verdict in binding)


@dataclass
class _Work:
    """The parts of one run."""

    config: Quality
    folder: Path
    entries: list[Entry]
    models: dict[str, ChatModel]
    pack: Pack
    pool: DecodePool
    progress: bool
    measured: dict[str, Measured] = field(default_factory=dict)
    faults: dict[tuple[str, str], str] = field(default_factory=dict)
    filtered: Filtered = field(init=False)

    def __post_init__(self) -> None:
        self.filtered = Filtered(self.entries, self.entries, {entry.id: {} for entry in self.entries})

    def measure(self) -> None:
        """Find out how long the videos are, and what the files hold that a judge is to be shown."""
        chosen = self.config.filters
        shown = "judge" in chosen and self.config.judge.evidence == "video"
        timed = "times" in chosen or "blind" in chosen
        needed = [e for e in self.entries if shown or (timed and e.is_video and told_length(e) is None)]
        if needed:
            self.measured, summary = measure(needed, self.pool, self.folder, self.progress)
            self.filtered.note_end(summary)

    def judge_freely(self) -> None:
        """The filters that cost nothing, duplicates last: of those the first that the others keep stays."""
        config = self.config
        judges: dict[str, Callable[[Entry], Verdict]] = {
            "times": lambda entry: judge_times(entry, *self._duration(entry), config.times),
            "leak": judge_leak,
            "option_length": lambda entry: judge_option_length(entry, config.option_length),
            "consistency": lambda entry: judge_consistency(entry, config.consistency),
        }
        for name, judge in judges.items():
            if name in config.filters:
                for entry in self.entries:
                    self.filtered.verdicts[entry.id][name] = judge(entry)
        if "duplicates" in config.filters:
            self._note("duplicates", judge_duplicates(self._left("duplicates"), config.duplicates))

    def ask(self, files: Sequence[TaskFile]) -> None:
        """The filters that ask a model, about the items that are left."""
        office = Office(self.config, self.folder / ASKED, self.models, self.pack, self.pool)
        with office.open_caller() as caller:
            filters = office.filters(caller, files)
            records = [record for entry in self._left(*filters) if (record := self._record(entry, filters))]
            summary = run(
                records,
                [Watched(name, one, self.faults).step() for name, one in filters.items()],
                self.folder / ASKED,
                workers=max(2 * self.config.max_workers, *(limit.concurrency for limit in office.limits.values())),
                progress=self.progress,
                caller=caller,
                models=list({id(model): model for model in self.models.values()}.values()),
                on_finished=self._take,
                id_field="item",
            )
        self.filtered.note_end(summary)
        self.filtered.counts = caller.counts
        self.filtered.models = {name: model.name for name, model in self.models.items()}
        if "blind" in filters and not summary.cut_off:
            blind = {entry.id: self.filtered.verdicts[entry.id]["blind"] for entry in self.entries}
            self._note("blind", blind | one_sided(self.entries, blind))

    def balance_letters(self) -> None:
        """The letters of what is left, last of all: only then is it known what is left."""
        judged = judge_letters(self._left("letters"), self.config.letters)
        self._note("letters", {one: verdict for one, (_, verdict) in judged.items()})
        self.filtered.entries = [judged[entry.id][0] if entry.id in judged else entry for entry in self.entries]

    def _left(self, *names: str) -> list[Entry]:
        """The items that no filter has dropped so far; the others get "not asked" from the filters named."""
        left = []
        for entry in self.entries:
            verdicts = self.filtered.verdicts[entry.id]
            if not is_dropped(verdicts, self.config):
                left.append(entry)
                continue
            for name in names:
                verdicts.setdefault(name, unknown("not asked", "not asked: the item is dropped anyway"))
        return left

    def _note(self, name: str, verdicts: Mapping[str, Verdict]) -> None:
        for one, verdict in verdicts.items():
            self.filtered.verdicts[one][name] = verdict

    def _duration(self, entry: Entry) -> tuple[float | None, str]:
        told = told_length(entry)
        known = self.measured.get(entry.place, Measured({}, "not measured"))
        return (told, "") if told is not None else (known.fields.get("video_length"), known.fault)

    def _record(self, entry: Entry, filters: Mapping[str, PaidFilter]) -> Record | None:
        """The item's record; None, with its verdicts noted, if no filter has to ask about it."""
        verdicts = self.filtered.verdicts[entry.id]
        settled = {name: _found_bad(verdicts.get(name)) or one.settled(entry) for name, one in filters.items()}
        known = self.measured.get(entry.place, Measured({}))
        if known.fault and "judge" in settled and settled["judge"] is None and self.config.judge.evidence == "video":
            settled["judge"] = unknown("media cannot be read", f"{entry.item.media_id}: {known.fault}")
        verdicts |= {name: verdict for name, verdict in settled.items() if verdict is not None}
        open_to = [name for name, verdict in settled.items() if verdict is None]
        duration = self._duration(entry)[0]
        fields = {"item": entry.id, "entry": entry, "open_to": open_to, "path": entry.place, "duration": duration}
        media = {name: known.fields.get(name) for name in ("sha256", "video_length")}
        return Record(entry.id, fields | media) if open_to else None

    def _take(self, finished: Finished) -> None:
        one = finished.record.id
        for name in finished.record.fields["open_to"]:
            row = finished.rows.get(name)
            why = self.faults.get((one, name), "quarantine.jsonl says why")
            told = _verdict_of(row) if row is not None else unknown("model failed", why)
            self.filtered.verdicts[one][name] = told


def _found_bad(verdict: Verdict | None) -> Verdict | None:
    """What a rule has found already stands, also where it only flags: a model is not asked to overrule it."""
    return verdict if verdict is not None and verdict.word == "drop" else None


def _verdict_of(row: Mapping[str, Any]) -> Verdict:
    return Verdict.from_json({name: value for name, value in row.items() if name not in ("item", "provenance")})
