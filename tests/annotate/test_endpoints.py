"""From an endpoint's settings to the model, its sampling and its limits."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from annotate.endpoints import (
    Endpoint,
    Gemini,
    OpenAI,
    Scripted,
    capability_of,
    endpoint_problems,
    limits_of,
    name_of,
    open_teacher,
    pair_problems,
    sampling_of,
)
from annotate.run.spec import spec_class
from annotate.sections import IMAGE, section_of
from demitasse.chat.gemini_server import GeminiServer
from demitasse.chat.kinds import BOX_STYLES
from demitasse.chat.model import Outcome, Request, Text
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.config import read_config, save_resolved
from demitasse.errors import ConfigError

ROOT = Path(__file__).parents[2]
BASE = ROOT / "recipes/quickstart/base/qwen2_5_vl"
GUIDE = (ROOT / "docs/endpoints.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^## (.+?)\n.*?```yaml\n(.*?)```", GUIDE, re.MULTILINE | re.DOTALL)


def gemini(**settings: Any) -> Endpoint:
    return Endpoint(backend="gemini", gemini=Gemini(**settings))


def openai(**settings: Any) -> Endpoint:
    return Endpoint(backend="openai", openai=OpenAI(model_name="m", **settings))


def test_the_guide_has_a_snippet_for_each_kind() -> None:
    assert len(SNIPPETS) == 12 == GUIDE.count("```yaml")


def test_the_five_ways_that_taos_consultation_offers_are_in_the_guide() -> None:
    microservice = "A self-hosted inference microservice"
    assert {title for title, _ in SNIPPETS} >= {"Gemini", "NVIDIA NIM", microservice, "vLLM", "Any other"}


@pytest.mark.parametrize("snippet", [pytest.param(text, id=title) for title, text in SNIPPETS])
def test_a_snippet_of_the_guide_is_a_spec_whose_endpoints_can_be_asked(snippet: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(snippet.replace("/models/Qwen2.5-VL-7B-Instruct", str(BASE)), encoding="utf-8")
    section = section_of(path, [])
    endpoints = spec_class(section).read_endpoints(path, [])
    assert endpoints.keys() == ({"vlm", "checker"} if section == IMAGE else {"vlm", "llm"})
    for name, endpoint in endpoints.items():
        assert list(endpoint_problems(f"{section}.{name}", endpoint)) == []
        assert capability_of(endpoint).boxes in (*([] if section == IMAGE else [""]), *BOX_STYLES)
    assert list(pair_problems(section, endpoints)) == []


def test_defaults_are_taos() -> None:
    endpoint = Endpoint()
    assert endpoint.backend == "gemini"
    assert (endpoint.gemini.temperature, endpoint.gemini.max_output_tokens, endpoint.gemini.timeout) == (0.3, 8192, 120)
    assert (endpoint.openai.temperature, endpoint.openai.max_tokens, endpoint.openai.timeout) == (0.7, 4096, 60)


def test_all_that_decides_geminis_answer_is_in_the_sampling() -> None:
    endpoint = gemini(fps=4, thinking_budget=0, safety="OFF", media_resolution="MEDIA_RESOLUTION_HIGH")
    sampling = sampling_of(endpoint)
    assert (sampling.fps, sampling.temperature, sampling.max_tokens) == (4, 0.3, 8192)
    assert sampling.extra["media_resolution"] == "MEDIA_RESOLUTION_HIGH"
    assert sampling.extra["thinking_config"] == {"thinking_budget": 0}
    assert {one["threshold"] for one in sampling.extra["safety_settings"]} == {"OFF"}
    assert len(sampling.extra["safety_settings"]) == 4


def test_a_thinking_budget_and_a_safety_threshold_that_are_not_set_are_not_sent() -> None:
    assert sampling_of(gemini()).extra == {"media_resolution": "MEDIA_RESOLUTION_LOW"}


def test_added_fields_of_a_request_are_in_the_sampling() -> None:
    sampling = sampling_of(openai(fps=2, extra_body={"top_k": 20}, temperature=None))
    assert (sampling.fps, sampling.extra, sampling.temperature) == (2, {"top_k": 20}, None)


@pytest.mark.parametrize(
    ("endpoint", "video", "schema", "channel"),
    [
        pytest.param(openai(), False, True, "none", id="openai_itself_gets_frames"),
        pytest.param(openai(base_url="http://h/v1"), True, True, "none", id="an_unknown_host_takes_files"),
        pytest.param(openai(base_url="http://h/v1", kind="vllm"), True, True, "media_io", id="a_kind_that_is_told"),
        pytest.param(openai(base_url="http://h/v1", kind="vllm", video=False), False, True, "media_io", id="no_files"),
        pytest.param(openai(base_url="http://h/v1", json_schema=False), True, False, "none", id="no_schema"),
        pytest.param(
            openai(base_url="http://h/v1", fps_channel="mm_processor"), True, True, "mm_processor", id="another_channel"
        ),
        pytest.param(gemini(video=False, json_schema=False), False, False, "part", id="gemini_by_frames_and_words"),
    ],
)
def test_settings_put_a_kinds_record_right(endpoint: Endpoint, video: bool, schema: bool, channel: str) -> None:
    takes = capability_of(endpoint)
    assert (takes.video, takes.json_schema, takes.fps_channel) == (video, schema, channel)


def test_limits_are_the_endpoints_own() -> None:
    endpoint = Endpoint(requests_per_minute=60, tokens_per_minute=1e5)
    limits = limits_of(endpoint, 7)
    assert (limits.concurrency, limits.requests_per_minute, limits.tokens_per_minute) == (7, 60, 1e5)


async def asked_once(endpoint: Endpoint) -> Outcome:
    model = open_teacher("vlm", endpoint)
    try:
        return (await model.reply(Request("check", (Text("?"),)))).outcome
    finally:
        await model.close()


@pytest.mark.parametrize(("server", "build"), [(ChatServer, openai), (GeminiServer, gemini)], ids=["openai", "gemini"])
def test_a_key_from_the_settings_reaches_the_endpoint_and_no_file(server, build, tmp_path: Path) -> None:
    key = "sk-CANARY-0123456789"
    with server(ScriptedModel(), api_key=key) as serving:
        endpoint = build(base_url=serving.base_url, api_key=key)
        assert asyncio.run(asked_once(endpoint)) is Outcome.SUCCESS
    save_resolved(endpoint, tmp_path / "endpoint.yaml")
    assert "CANARY" not in (tmp_path / "endpoint.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        pytest.param("gemini.fps=25", "at most 24", id="more_frames_than_gemini_reads"),
        pytest.param("gemini.media_resolution=HIGH", "MEDIA_RESOLUTION_HIGH", id="a_resolution_by_half_its_name"),
        pytest.param("gemini.safety=NONE", "BLOCK_NONE", id="a_threshold_that_is_not_there"),
        pytest.param("openai.kind=vlm", "vllm", id="a_misspelt_kind"),
        pytest.param("openai.boxes=pixels", "qwen2_5_vl_px", id="a_box_style_that_is_not_there"),
        pytest.param("scripted.boxes=pixels", "image_px", id="a_box_style_that_the_stand_in_has_not"),
        pytest.param("scripted.box_mistakes=20", "at most 1", id="a_share_in_per_cent"),
        pytest.param("backend=vertex", "one of gemini, openai, local, scripted", id="a_backend_that_is_not_there"),
        pytest.param("requests_per_minute=0", "more than 0", id="no_requests"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_can(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_config(Endpoint, None, [override])


def test_what_the_stand_in_is_set_to_is_known_without_asking_it() -> None:
    endpoint = Endpoint("scripted", scripted=Scripted(boxes="image_px", box_mistakes=0.2, check_mistakes=0.1))
    model = open_teacher("vlm", endpoint)
    assert model.name == name_of(endpoint) == "scripted:box_mistakes=0.2,check_mistakes=0.1,boxes=image_px"
    assert model.capability == capability_of(endpoint)
    assert model.capability.boxes == "image_px"


def test_a_gemini_without_its_package_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.genai", None)
    for name in [name for name in sys.modules if name.startswith("demitasse.chat.gemini")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[gemini\]'"):
        open_teacher("vlm", gemini(base_url="http://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        pytest.param({"requests_per_minute": 10}, "requests_per_minute", id="a_limit_of_requests"),
        pytest.param({"tokens_per_minute": 10}, "tokens_per_minute", id="a_limit_of_tokens"),
        pytest.param({"batch": True}, "batch", id="how_it_is_asked"),
        pytest.param({"batch_requests": 7}, "", id="what_counts_for_batch_jobs_alone"),
    ],
)
def test_one_model_under_two_names_has_one_limit(settings: dict[str, Any], named: str) -> None:
    plain = openai(base_url="http://127.0.0.1:1/v1", temperature=0.1)
    other = openai(base_url="http://127.0.0.1:1/v1", temperature=0.9)
    problems = list(pair_problems("spec", {"vlm": replace(plain, **settings), "llm": other}))
    told = f"spec.vlm and spec.llm are the same model: set {named} to the same for both"
    assert problems == ([told] if named else [])
