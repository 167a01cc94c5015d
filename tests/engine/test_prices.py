"""The price table: which entry counts, what a reply costs, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from demitasse.chat.model import Image, Request, Sampling, Text, Turn, Usage, Video
from demitasse.chat.tokens import TokenRule, estimate_tokens, most_tokens
from demitasse.errors import ConfigError
from demitasse.prices import Entry, Prices, load_prices

SHIPPED = Path(__file__).resolve().parents[2] / "annotate" / "prices.yaml"


@pytest.mark.parametrize(
    ("model", "price"),
    [
        pytest.param("openai:api.openai.com/gpt-4o-mini-2024", 1.0, id="first_match_counts"),
        pytest.param("openai:api.openai.com/gpt-4o", 2.0, id="the_models_own_name"),
        pytest.param("openai:my-host.example:8000/Qwen/Qwen3-VL", 3.0, id="names_with_a_slash"),
        pytest.param("openai:my-host.example/qwen3:8b", 5.0, id="names_with_a_colon"),
        pytest.param("openai:loopback/gpt-4o", 0.0, id="this_machine_is_free"),
        pytest.param("openai:loopback/qwen3:8b", 0.0, id="also_with_a_colon"),
        pytest.param("openai:loopback/paid", 4.0, id="unless_the_endpoint_is_named"),
        pytest.param("scripted", 0.0, id="the_stand_in_is_free"),
        pytest.param("scripted:mistakes=0.5", 0.0, id="a_mistaken_stand_in_too"),
        pytest.param("local:my-checkpoint", 0.0, id="a_local_model_is_free"),
        pytest.param("openai:api.openai.com/o9", None, id="unknown"),
    ],
)
def test_a_models_price_is_found_by(model: str, price: float | None) -> None:
    entries = [
        Entry("gpt-4o-mini*", 1, 1),
        Entry("gpt-4o*", 2, 1),
        Entry("Qwen/*", 3, 1),
        Entry("openai:loopback/paid", 4, 1),
        Entry("qwen3:8b", 5, 1),
    ]
    found = Prices(entries).find(model)
    assert (found.input if found else None) == price


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        pytest.param(Usage(1_000_000, 0), 2.0, id="input"),
        pytest.param(Usage(0, 1_000_000, reasoning=900_000), 8.0, id="output_reasoning_included"),
        pytest.param(Usage(1_000_000, 0, cached=500_000), 1.25, id="cached_input_is_part_of_the_input"),
        pytest.param(Usage(2_000_000, 1_000_000), 2 * 4 + 16, id="a_long_prompt_costs_more_throughout"),
        pytest.param(Usage(), 0.0, id="nothing"),
    ],
)
def test_a_reply_costs(usage: Usage, dollars: float) -> None:
    prices = Prices([Entry("m", 2, 8, 0.5, long_from=1_500_000, long_input=4, long_output=16)])
    assert prices.cost("openai:host/m", usage) == pytest.approx(dollars)


@pytest.mark.parametrize(
    ("share", "usage"),
    [
        pytest.param({}, Usage(1_000_000, 500_000, cached=500_000), id="half"),
        pytest.param({"batch": 0.4}, Usage(1_000_000, 500_000, cached=500_000), id="what_the_table_says"),
        pytest.param({}, Usage(2_000_000, 500_000), id="of_a_long_prompt_too"),
    ],
)
def test_what_is_asked_in_batch_jobs_costs_a_share(share: dict[str, float], usage: Usage) -> None:
    entry = Entry("*", 2, 8, 0.5, **share, long_from=1_500_000, long_input=4, long_output=16)
    prices = Prices([entry], batched={"openai:host/m"})
    at_once, batched = prices.cost("openai:host/other", usage), prices.cost("openai:host/m", usage)
    assert at_once and batched == pytest.approx(at_once * share.get("batch", 0.5))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "models:\n- {match: a, inputs: 1, output: 1}", "the nearest valid key is 'models\\[0\\].input'", id="a_typo"
        ),
        pytest.param("models:\n- {match: a, input: 1}", "'models\\[0\\].output' is missing", id="no_output_price"),
        pytest.param("models:\n- {match: a, input: -1, output: 1}", "at least 0", id="a_negative_price"),
        pytest.param("models:\n- {match: a, input: cheap, output: 1}", "cheap", id="no_number"),
        pytest.param("model: []", "the nearest valid key is 'models'", id="another_key"),
        pytest.param("models: 3", "'models' is 3", id="no_list"),
    ],
)
def test_a_price_file_that_cannot_be_used_is_named_with_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"prices.yaml.*{told}"):
        load_prices(path)


def test_the_shipped_table_knows_the_default_teacher_and_says_when_it_was_checked() -> None:
    prices = load_prices(SHIPPED)
    default = prices.find("gemini:generativelanguage.googleapis.com/gemini-3.1-flash-lite-preview")
    assert default is not None
    assert 0 < default.cached < default.input < default.output
    assert "Checked on 20" in SHIPPED.read_text()


def request(*parts: Text | Image | Video, **more: object) -> Request:
    return Request("look", parts, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        pytest.param(request(Text("a" * 400)), 100, id="four_bytes_of_text_are_one"),
        pytest.param(request(Text("車" * 100)), 75, id="as_utf8"),
        pytest.param(request(Text(""), system="b" * 40, turns=(Turn("c" * 40, "d" * 40),)), 30, id="all_of_the_texts"),
        pytest.param(request(Video(b"x", "video/mp4", 10.0)), 3000, id="300_a_second_of_video"),
        pytest.param(
            request(Video(b"x", "video/mp4", 10.0), sampling=Sampling(fps=4)), 12000, id="as_many_frames_as_it_reads"
        ),
        pytest.param(
            request(Video(b"x", "video/mp4", 10.0), sampling=Sampling(fps=0.1)), 3000, id="fewer_than_one_as_one"
        ),
        pytest.param(request(Image(b"unreadable", "image/jpeg")), 1338, id="an_image_of_unknown_size"),
    ],
)
def test_a_prompt_is_estimated(asked: Request, tokens: int) -> None:
    assert estimate_tokens(asked) == tokens
    assert most_tokens(asked) > tokens


def test_a_rule_for_images_of_any_size_counts_them() -> None:
    frames = tuple(Image(bytes([number]), "image/jpeg") for number in range(6))
    assert estimate_tokens(request(*frames), TokenRule(image=258)) == 6 * 258
