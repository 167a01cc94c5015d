"""What Gemini answered, read into a `Reply`: an answer, a block, a truncation, or an error with the wait it asks for.

Reasons are compared as enum members: `str()` of one is "FinishReason.SAFETY", which equals no word in a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.genai import errors, types

from demitasse.answers.reasoning import split_reasoning
from demitasse.chat.model import Outcome, Reply, Usage
from demitasse.chat.retry_after import read_retry_after
from demitasse.chat.wire.completions import is_looping, one_line

_RETRYABLE = frozenset({408, 409, 429})
_WITHHELD = (
    "SAFETY RECITATION LANGUAGE OTHER BLOCKLIST PROHIBITED_CONTENT SPII ESCALATION MODEL_ARMOR "
    "IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION IMAGE_OTHER"
)
# By name, for older versions of the client lack some; members all the same.
_BLOCKS = frozenset(reason for reason in types.FinishReason if reason.name in _WITHHELD.split())
_TRUNCATIONS = frozenset(reason for reason in types.FinishReason if reason.name in ("MAX_TOKENS", "CONTINUATION"))


def read_response(response: types.GenerateContentResponse, structured: bool = False) -> Reply:
    """What a 200 says. Thoughts are no part of the text; their tokens are part of the completion's.

    `structured`: whether a schema was to be enforced; a reply that then runs on in white space is not cut short.
    """
    candidate = response.candidates[0] if response.candidates else None
    parts = (candidate.content.parts if candidate and candidate.content else None) or []
    written = [(part.thought, part.text) for part in parts if part.text]
    content = "".join(piece for thought, piece in written if not thought)
    split = split_reasoning(content)  # models other than Gemini's own write their thoughts into the text
    thoughts = "".join(piece for thought, piece in written if thought).strip()
    looping = structured and split.final != "" and is_looping(content)
    outcome, error = _outcome(response, candidate, split.final, looping)
    finish = candidate.finish_reason if candidate else None
    return Reply(
        outcome=outcome,
        text=split.final,
        reasoning="\n".join(piece for piece in (thoughts, split.reasoning) if piece),
        model=response.model_version or "",
        finish_reason=finish.value if finish else "",
        usage=_usage(response.usage_metadata),
        error=error,
        retryable=outcome is Outcome.ERROR and finish is None,
    )


def _outcome(
    response: types.GenerateContentResponse, candidate: types.Candidate | None, text: str, looping: bool
) -> tuple[Outcome, str]:
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        return Outcome.BLOCKED, f"the prompt was blocked: {feedback.block_reason.value}"
    if candidate is None:
        return Outcome.ERROR, "the reply has no candidates"
    finish = candidate.finish_reason
    if finish is None:
        return Outcome.ERROR, "the reply ends without a finish reason"
    if finish in _TRUNCATIONS:
        return Outcome.SUCCESS if looping else Outcome.TRUNCATED, ""
    if finish in _BLOCKS:
        told = f": {one_line(candidate.finish_message)}" if candidate.finish_message else ""
        return Outcome.BLOCKED, f"the reply was withheld: {finish.value}{told}"
    if finish is not types.FinishReason.STOP:
        return Outcome.ERROR, f"the reply ended with {finish.value}"
    if not text:
        # Met with content that it would not speak about; asked again it stays silent, at the price of the video.
        return Outcome.BLOCKED, "the model stopped without writing anything"
    return Outcome.SUCCESS, ""


def _usage(counted: types.GenerateContentResponseUsageMetadata | None) -> Usage:
    if counted is None:
        return Usage()
    thoughts = counted.thoughts_token_count or 0
    return Usage(
        prompt=counted.prompt_token_count or 0,
        completion=(counted.candidates_token_count or 0) + thoughts,
        reasoning=thoughts,
        cached=counted.cached_content_token_count or 0,
    )


def read_error(error: errors.APIError) -> Reply:
    """What any other status says."""
    details = list(_details(error.details))
    status = error.code
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
        status = 401  # Gemini calls a wrong key a bad request; the engine's breaker knows it by the right name
    # The day's quota is refilled at midnight: no wait that makes sense gets there.
    spent = any("PerDay" in str(one.get("quotaId", "")) for one in _violations(details))
    later = (status in _RETRYABLE or status >= 500) and not spent
    return Reply(
        Outcome.ERROR,
        error=one_line(f"HTTP {status}: {error.message or error.status or 'no message'}"),
        retryable=later,
        retry_after=_wait(error, details) if later else None,
        status=status,
    )


def _details(body: Any) -> Iterator[Mapping[str, Any]]:
    inner = body.get("error", body) if isinstance(body, dict) else {}
    details = inner.get("details") if isinstance(inner, dict) else None
    yield from (one for one in details if isinstance(one, dict)) if isinstance(details, list) else ()


def _violations(details: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for detail in details:
        listed = detail.get("violations")
        yield from (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()


def _wait(error: errors.APIError, details: list[Mapping[str, Any]]) -> float | None:
    """Seconds, from `google.rpc.RetryInfo` ("retryDelay": "7.5s") or the header Retry-After."""
    for detail in details:
        delay = re.fullmatch(r"(\d+(?:\.\d+)?)s", str(detail.get("retryDelay", "")))
        if delay:
            return float(delay[1])
    return read_retry_after(getattr(error.response, "headers", {}))
