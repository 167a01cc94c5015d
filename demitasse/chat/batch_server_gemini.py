"""Batch jobs of Gemini, as the stand-in server has them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from demitasse.chat.batch_server import Desk, Result, ServedJob
from demitasse.chat.http import Message, Response
from demitasse.chat.loopback import json_response

_BEGIN = re.compile(r"/v\w+/models/[\w.-]+:batchGenerateContent")
_LIST = re.compile(r"/v\w+/batches")
_BATCH = re.compile(r"/v\w+/(?P<name>batches/[\w-]+)(?P<cancel>:cancel)?")
_RESULTS = re.compile(r"/v\w+/files/batch-(?P<number>\d+):download")
# google.rpc.Code of what an HTTP status says.
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14, 504: 4}


class GeminiDesk:
    """Answers requests about jobs.

    Args:
        desk: does them.
        content: of an uploaded file, by its name; None if there is none.
    """

    def __init__(self, desk: Desk, content: Callable[[str], bytes | None]) -> None:
        self._desk = desk
        self._content = content

    def answer(self, message: Message) -> Response | None:
        """The response; None for a request about something else."""
        if message.method == "POST" and _BEGIN.fullmatch(message.path):
            return self._begin(orjson.loads(message.body)["batch"])
        if _LIST.fullmatch(message.path):
            return json_response(200, {"operations": [_told(job) for job in reversed(self._desk.jobs)]})
        if (asked := _BATCH.fullmatch(message.path)) is not None:
            return self._answer_batch(asked["name"], bool(asked["cancel"]))
        if (asked := _RESULTS.fullmatch(message.path)) is not None:
            return Response(200, b"".join(map(_line, self._desk.jobs[int(asked["number"]) - 1].results)))
        return None

    def _begin(self, wanted: dict[str, Any]) -> Response:
        name = wanted["inputConfig"]["fileName"]
        content = self._content(name)
        if content is None:
            return _not_found(name)
        lines = [orjson.loads(line) for line in content.splitlines()]
        requests = [(line["key"], orjson.dumps(line["request"])) for line in lines]
        return json_response(200, _told(self._desk.begin(wanted.get("displayName", ""), name, requests)))

    def _answer_batch(self, name: str, cancel: bool) -> Response:
        job = next((job for job in self._desk.jobs if _name(job) == name), None)
        if job is None:
            return _not_found(name)
        if cancel and job.state == "running":
            job.state = "cancelled"
        return json_response(200, {} if cancel else _told(job))


def _name(job: ServedJob) -> str:
    return f"batches/stand-in-{job.number}"


def _told(job: ServedJob) -> dict[str, Any]:
    """A job as Gemini tells it: an operation whose metadata is the job."""
    over = job.state != "running"
    state = {"completed": "SUCCEEDED"}.get(job.state, job.state.upper())
    metadata = {"displayName": job.token, "state": f"BATCH_STATE_{state}", "createTime": "2026-01-01T00:00:00Z"}
    brought: dict[str, Any] = {"output": {"responsesFile": f"files/batch-{job.number}"}} if over else {}
    return {"name": _name(job), "metadata": metadata | (brought if job.state != "failed" else {}), "done": over}


def _line(result: Result) -> bytes:
    line: dict[str, Any] = {"key": result.key}
    if result.response is None:
        line["error"] = {"code": 4, "message": "The batch expired before this request was executed."}
    elif result.response.status == 200:
        line["response"] = orjson.loads(result.response.body)
    else:
        code = _CODES.get(result.response.status, 2)
        line["error"] = {"code": code, "message": "a fault was asked for", **_words(result.response)}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _words(response: Response) -> dict[str, Any]:
    told = orjson.loads(response.body).get("error", {})
    return {name: told[name] for name in ("message", "details") if name in told}


def _not_found(name: str) -> Response:
    told = {"code": 404, "message": f"{name} is not found", "status": "NOT_FOUND"}
    return json_response(404, {"error": told})
