"""When a request is sent again, and after how long."""

from __future__ import annotations

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from demitasse.chat.model import Reply
from demitasse.engine.limits import Gate, Limits, is_throttled


def retrying_at(gate: Gate) -> AsyncRetrying:
    """Retries one request by the gate's limits; the last reply is returned, whatever it is."""
    return AsyncRetrying(
        retry=retry_if_result(lambda reply: reply.retryable),
        stop=_Exhaustion(gate),
        wait=_Wait(gate.limits),
        retry_error_callback=_last_reply,
    )


class _Exhaustion:
    """When to give a request up: after a fixed number of failures; being told to wait is borne with patience."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._failures = 0

    def __call__(self, state: RetryCallState) -> bool:
        reply = _last_reply(state)
        if is_throttled(reply):
            return not self._gate.will_wait(reply)
        self._failures += 1
        return self._failures >= self._gate.limits.attempts


class _Wait:
    """How long to wait: what the endpoint asks for, and a random time more, so that not all come back at once."""

    def __init__(self, limits: Limits) -> None:
        self._backoff = wait_random_exponential(multiplier=limits.first_wait, max=limits.longest_wait)

    def __call__(self, state: RetryCallState) -> float:
        return (_last_reply(state).retry_after or 0.0) + self._backoff(state)


def _last_reply(state: RetryCallState) -> Reply:
    if state.outcome is None:
        raise ValueError("tenacity asks about an attempt only after it")
    reply: Reply = state.outcome.result()
    return reply
