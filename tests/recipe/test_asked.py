"""A plan names the key that a late stage lacks, and refuses a pack of prompts that is not there."""

import json

import pytest

from demitasse.errors import ConfigError
from demitasse.recipe import run_recipe

FIRST = "toyworld render {run}/videos --count 1"
SECTION = "video_reasoning_annotation"


def asking(kind, section, *settings, **endpoints):
    """An annotation whose endpoints are scripted, gemini, openai, or at the address of an OpenAI-compatible one."""
    words = [f"annotate {kind} results_dir={{run}}/a"]
    words += [one if one[0] == "-" else f"{section}.{one}" for one in settings]
    for name, told in endpoints.items():
        backend = told if told in ("scripted", "gemini") else "openai"
        words += [f"{section}.{name}.backend={backend}"]
        words += [f"{section}.{name}.openai.model_name=m"] if backend == "openai" else []
        words += [f"{section}.{name}.openai.base_url={told}"] if "://" in told else []
    return " ".join(words)


def video(*settings, vlm="scripted", llm="scripted"):
    return asking("video", SECTION, "data.video_root={run}/videos", *settings, vlm=vlm, llm=llm)


def espresso(*settings):
    given = ("data.video_root={run}/videos", *settings)
    return asking("espresso", "video_espresso", *given, captioner="scripted", writer="scripted")


OPENAI = "the environment variable OPENAI_API_KEY is not set: put the key for https://api.openai.com/v1 in it"
GOOGLE = "the environment variable GOOGLE_API_KEY or GEMINI_API_KEY is not set"
REMOTE = "OPENAI_API_KEY is not set: put the key for https://far.example/v1 in it"
EMBEDDING = "--embedding backend=endpoint base_url=https://far.example/v1"
SCORE = f"score --profile videoespresso --references r --predictions p --json j {EMBEDDING}"
PREDICT = "predict --model m --data {run}/d --out {run}/p --endpoint"
SELECT = "select frames --keep 1 --data {run}/d --out {run}/s --picker m"
QUALITY = "annotate quality {run}/d --out {run}/q filters=[blind] llm.backend=gemini"


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "HF_TOKEN", "MINE"):
        monkeypatch.delenv(name, raising=False)

    def write(*stages, **sections):
        path = tmp_path / "config.yaml"
        path.write_text(json.dumps({"recipe": {"values": {"run": "run"}, "stages": [*stages]}, **sections}))
        return path

    return write


def plan(path, capsys):
    """The lines on what is lacking."""
    assert run_recipe(path, [], plan_only=True) == 0
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("lacking: ")]


@pytest.mark.parametrize(
    "stage, said",
    [
        pytest.param("judge {run}/p --model m", OPENAI, id="a_judge"),
        pytest.param("judge {run}/p --model m --api-key-env MINE", "MINE is not set", id="a_judges_own_variable"),
        pytest.param("judge {run}/p --judges judges.yaml", "MINE is not set", id="a_judge_of_a_file"),
        pytest.param(f"{PREDICT} https://far.example/v1", REMOTE, id="a_served_student"),
        pytest.param(f"{SELECT} --picker-url https://far.example/v1", REMOTE, id="a_picker"),
        pytest.param(SCORE, REMOTE, id="the_embeddings_of_a_scorer"),
        pytest.param(video(llm="openai"), OPENAI, id="a_teacher"),
        pytest.param(video(vlm="gemini"), GOOGLE, id="a_teacher_of_two_variables"),
        pytest.param(QUALITY, GOOGLE, id="a_filter"),
        pytest.param("check --config spec.yaml", OPENAI, id="a_check_of_endpoints"),
        pytest.param("annotate video --config spec.yaml results_dir={run}/a", OPENAI, id="a_teacher_of_a_spec"),
        pytest.param(
            espresso("embedding.backend=endpoint", "embedding.base_url=https://far.example/v1"),
            REMOTE,
            id="the_embeddings_of_captions",
        ),
        pytest.param(
            espresso("boxes.service=https://far.example", "boxes.service_name=d", "boxes.service_key_env=MINE"),
            "MINE is not set: put the key for https://far.example in it",
            id="a_box_service",
        ),
        pytest.param(
            asking("cotasks source=teacher questions=q.csv videos={run}/videos", "cotasks", vlm="openai"),
            OPENAI,
            id="a_teacher_of_cotasks",
        ),
        pytest.param("export {run}/s --out {run}/x --push me/x", "HF_TOKEN", id="the_hub"),
    ],
)
def test_a_key_that_a_late_stage_lacks_is_named(write, tmp_path, capsys, stage, said):
    endpoint = {"backend": "openai", "openai": {"model_name": "m"}}
    data = {"video_root": "run/videos"}
    (tmp_path / "spec.yaml").write_text(json.dumps({SECTION: {"vlm": endpoint, "llm": endpoint, "data": data}}))
    (tmp_path / "judges.yaml").write_text("judges: [{model: m, api_key_env: MINE}, {model: scripted}]")
    (tmp_path / "q.csv").write_text("")
    [line] = plan(write(FIRST, stage), capsys)
    assert said in line
    assert line.endswith("; stage 2 needs it")


LOOPBACK = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(f"judge {{run}}/p --model m --base-url {LOOPBACK}", id="a_judge_on_this_machine"),
        pytest.param("judge {run}/p --model scripted", id="a_scripted_judge"),
        pytest.param(f"{PREDICT} {LOOPBACK}", id="a_student_on_this_machine"),
        pytest.param("predict --model m --data {run}/d --out {run}/p", id="a_student_in_this_process"),
        pytest.param(SELECT, id="a_picker_in_this_process"),
        pytest.param(video(), id="scripted_teachers"),
        pytest.param(video(vlm=LOOPBACK, llm=LOOPBACK), id="teachers_on_this_machine"),
        pytest.param(video("workflow.steps=['4']", vlm="openai", llm="openai"), id="steps_that_ask_nobody"),
        pytest.param(video("--merge", vlm="openai", llm="openai"), id="a_merge"),
        pytest.param("annotate quality {run}/d --out {run}/q llm.backend=gemini", id="filters_that_ask_nobody"),
        pytest.param("annotate cotasks source=nextqa questions=q vidor=v results_dir={run}/a", id="no_teacher"),
    ],
)
def test_who_needs_no_key_is_not_named(write, capsys, stage):
    assert not plan(write(FIRST, stage), capsys)


def test_a_key_in_the_environment_or_in_the_settings_is_not_lacking(write, capsys, monkeypatch):
    inside = video(f"vlm.openai.api_key=sk-{'x' * 20}", vlm="openai")
    assert not plan(write(FIRST, inside), capsys)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abcdefgh")
    assert not plan(write(FIRST, "judge {run}/p --model m", video(llm="openai")), capsys)


def test_a_key_is_named_once_with_all_stages_that_need_it(write, capsys):
    [line] = plan(write(FIRST, "judge {run}/p --model m", video(vlm="openai", llm="openai")), capsys)
    assert line == f"lacking: {OPENAI}; stages 2 and 3 need it"


def test_no_key_is_shown(write, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abcdefgh sk-ijkl")
    [line] = plan(write(FIRST, "judge {run}/p --model m"), capsys)
    assert "OPENAI_API_KEY holds characters that no key has" in line and "sk-" not in line


def test_a_run_whose_first_stage_lacks_its_key_is_not_begun(write, tmp_path):
    (tmp_path / "p").mkdir()
    with pytest.raises(ConfigError, match=r"stage 1 \(judge\) is the first to run, and would be refused: .*OPENAI_API"):
        run_recipe(write("judge p --model m"), [])
    assert not (tmp_path / "run").exists()


def test_a_run_whose_later_stage_lacks_its_key_is_begun_and_warned_of(write, tmp_path, capsys):
    (tmp_path / "p").mkdir()
    path = write(FIRST, "judge p --model m")
    run_recipe(path, [], until="toyworld")
    assert "lacking: " not in capsys.readouterr().out  # of a stage that is not to be run
    with pytest.raises(ConfigError, match=r"stage 2 \(judge\) is the first to run"):
        run_recipe(path, [])
    assert "lacking: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "stage, said",
    [
        pytest.param(video("prompts=nopack"), "there is no prompt pack 'nopack'", id="of_videos"),
        pytest.param(espresso("prompts=nopack"), "there is no prompt pack 'nopack'", id="of_frames"),
        pytest.param(f"{QUALITY} prompts=nopack", "there is no prompt pack 'nopack'", id="of_filters"),
        pytest.param(video("prompts=referring"), "unknown prompt", id="another_pipelines"),
        pytest.param(video("prompts=mine.yaml"), "mine.yaml", id="a_faulty_file"),
        pytest.param(video("prompts_module=mine.py"), "mine.py", id="a_faulty_script"),
    ],
)
def test_prompts_that_cannot_be_used_are_refused_before_the_first_stage(write, tmp_path, stage, said):
    (tmp_path / "mine.yaml").write_text("promts: {}")
    (tmp_path / "mine.py").write_text("1 / 0")
    with pytest.raises(ConfigError, match="stage 2, .* would be refused: ") as fault:
        run_recipe(write(FIRST, stage), [])
    assert said in str(fault.value)
    assert not (tmp_path / "run").exists()


def test_prompts_that_an_earlier_stage_writes_are_left_for_their_turn(write, tmp_path):
    (tmp_path / "mine.yaml").write_text("promts: {}")  # which the workshop is about to replace
    path = write("annotate workshop --out mine.yaml --answers a.yaml --overwrite", video("prompts=mine.yaml"))
    assert run_recipe(path, [], plan_only=True) == 0
