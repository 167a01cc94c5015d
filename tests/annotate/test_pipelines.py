"""What every pipeline has in common: a row in the table, a spec that is read alike, and a job that can travel."""

import pickle
from importlib import import_module
from pathlib import Path

import pytest

from annotate.command import KINDS
from annotate.run.envelope import envelope_of, license_remark
from annotate.run.spec import spec_class
from annotate.sections import COTASKS, ESPRESSO, IMAGE, PIPELINES, VIDEO
from annotate.task_files import Envelope
from demitasse.errors import ConfigError

WHO = ("captioner", "writer")
# The least that each needs, besides a place for the results.
LEAST = {
    VIDEO: [f"{VIDEO}.data.video_root=v", f"{VIDEO}.vlm.backend=scripted", f"{VIDEO}.llm.backend=scripted"],
    IMAGE: [f"{IMAGE}.data.image_dir=i", f"{IMAGE}.vlm.backend=scripted"],
    ESPRESSO: [f"{ESPRESSO}.{it}" for it in ("data.video_root=v", *(f"{who}.backend=scripted" for who in WHO))],
    COTASKS: ["questions=q.csv", "videos=v", f"{COTASKS}.vlm.backend=scripted"],
}  # fmt: skip

each = pytest.mark.parametrize("section", PIPELINES)


def spec(section: str, *overrides: str):
    return spec_class(section).read(None, ["results_dir=out", *LEAST[section], *overrides])


@each
def test_a_pipeline_reads_the_section_of_its_row_with_the_command_of_its_row(section):
    read = spec(section)
    assert read.section_name == section and read.section is getattr(read, section)
    program, command, kind = PIPELINES[section].command.split()
    assert (program, command) == ("demitasse", "annotate") and kind in KINDS


@each
def test_the_endpoints_of_its_row_are_some_of_its_section(section):
    assert PIPELINES[section].seeing and all(hasattr(spec(section).section, name) for name in PIPELINES[section].seeing)


@each
def test_no_pipeline_runs_without_a_place_for_its_results(section):
    with pytest.raises(ConfigError, match="results_dir is not set"):
        spec(section, "results_dir=")


@each
def test_an_endpoint_that_the_steps_ask_must_be_whole(section):
    name = next(iter(spec(section).endpoints()))
    with pytest.raises(ConfigError, match=f"{section}.{name}.local.path is not set"):
        spec(section, f"{section}.{name}.backend=local")


@each
def test_a_draft_may_lack_what_a_run_needs_and_keeps_its_steps_as_they_are_given(section):
    steps = list(reversed(spec(section).section.workflow.steps))
    draft = spec_class(section).read_draft(None, [f"{section}.workflow.steps=[{','.join(steps)}]"])
    assert draft.section.workflow.steps == steps != spec(section).section.workflow.steps


@each
def test_a_job_travels_to_the_workers_of_a_cluster(section):
    job = import_module(f"{PIPELINES[section].package}.work").job_of(spec(section))
    assert pickle.loads(pickle.dumps(job)) == job


@each
def test_what_is_written_says_what_the_section_says(section, tmp_path):
    read = spec(section, f"{section}.license=CC0-1.0", f"{section}.description_extra=Toys.", f"{section}.dialect=daft")
    assert envelope_of(read, tmp_path / "v", tmp_path / "out" / "items") == Envelope(
        "../../v", "CC0-1.0", "Toys.", "daft"
    )
    assert list(license_remark(read)) == []
    assert list(license_remark(spec(section))) == [
        f"license is empty: set {section}.license before the data leaves this machine"
    ]


def test_the_endpoint_of_a_step_that_another_brings_along_must_be_whole_too():
    with pytest.raises(ConfigError, match="llm.local.path is not set"):
        spec(VIDEO, f"{VIDEO}.workflow.steps=[1a, 1b]", f"{VIDEO}.llm.backend=local")
    spec(VIDEO, f"{VIDEO}.workflow.steps=[1a]", f"{VIDEO}.llm.backend=local")


def test_a_step_named_twice_is_refused_though_the_steps_are_put_in_order():
    with pytest.raises(ConfigError, match="steps names one twice: 0, 1a, 1a"):
        spec(VIDEO, f"{VIDEO}.workflow.steps=[1a, 1a]")


def test_a_media_root_may_be_told_as_a_path_or_as_it_was_written(tmp_path):
    read = spec(IMAGE)
    assert envelope_of(read, Path("i"), tmp_path) == envelope_of(read, "i", tmp_path)
