"""Files and batch jobs of OpenAI's protocol, as the stand-in server has them."""

from __future__ import annotations

import re
from typing import Any

import orjson

from demitasse.chat.batch_server import Desk, Result, ServedJob
from demitasse.chat.http import Message, Response
from demitasse.chat.loopback import json_response
from demitasse.chat.wire.completions import write_error

FILES, BATCHES = "/v1/files", "/v1/batches"
_FILE = re.compile(FILES + r"/(?P<name>[\w-]+)(?P<content>/content)?")
_BATCH = re.compile(BATCHES + r"/(?P<name>[\w-]+)(?P<cancel>/cancel)?")
_FULL = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached.", "line": None, "param": None}
_EXPIRED = {"code": "batch_expired", "message": "This request could not be executed in time."}


class OpenAIDesk:
    """Answers requests about files and jobs.

    Attributes:
        files: what was uploaded or brought, by name.
    """

    def __init__(self, desk: Desk) -> None:
        self.files: dict[str, bytes] = {}
        self._desk = desk

    def answer(self, message: Message) -> Response | None:
        """The response; None for a request about something else."""
        if (message.method, message.path) == ("POST", FILES):
            return self._take_file(message)
        if (message.method, message.path) == ("POST", BATCHES):
            return self._begin(message)
        if (message.method, message.path) == ("GET", BATCHES):
            jobs = [_told(job) for job in reversed(self._desk.jobs)]
            return json_response(200, {"object": "list", "data": jobs, "has_more": False})
        if (file := _FILE.fullmatch(message.path)) is not None:
            return self._answer_file(message, file["name"])
        if (batch := _BATCH.fullmatch(message.path)) is not None:
            return self._answer_batch(batch["name"], bool(batch["cancel"]))
        return None

    def _take_file(self, message: Message) -> Response:
        content = _form_file(message)
        if content is None:
            return _error(400, "a form with a file is needed")
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        file = {"id": name, "object": "file", "bytes": len(content), "created_at": 0, "filename": "requests.jsonl"}
        return json_response(200, file | {"purpose": "batch", "status": "processed"})

    def _answer_file(self, message: Message, name: str) -> Response:
        if name not in self.files:
            return _error(404, f"No such File object: {name}")
        if message.method == "DELETE":
            del self.files[name]
            return json_response(200, {"id": name, "object": "file", "deleted": True})
        return Response(200, self.files[name])

    def _begin(self, message: Message) -> Response:
        wanted = orjson.loads(message.body)
        content = self.files.get(wanted["input_file_id"])
        if content is None:
            return _error(400, f"No such File object: {wanted['input_file_id']}")
        lines = [orjson.loads(line) for line in content.splitlines()]
        requests = [(line["custom_id"], orjson.dumps(line["body"])) for line in lines]
        if len(dict(requests)) < len(requests):
            return _error(400, "custom_id must be unique")
        token = (wanted.get("metadata") or {}).get("demitasse", "")
        return json_response(200, _told(self._desk.begin(token, wanted["input_file_id"], requests)))

    def _answer_batch(self, name: str, cancel: bool) -> Response:
        job = next((job for job in self._desk.jobs if _name(job) == name), None)
        if job is None:
            return _error(404, f"No batch found with id '{name}'.")
        if cancel and job.state == "running":
            job.state = "cancelled"
        elif job.state != "running":
            self._write_results(job)
        return json_response(200, _told(job))

    def _write_results(self, job: ServedJob) -> None:
        """The two files of a job that is over, as soon as someone asks."""
        for name, results in _files(job).items():
            self.files.setdefault(name, b"".join(map(_line, results)))


def _name(job: ServedJob) -> str:
    return f"batch_{job.number}"


def _files(job: ServedJob) -> dict[str, list[Result]]:
    """What was answered and what was not, by the names of the files they are in; an empty file is not made."""
    answered = [result for result in job.results if result.response is not None and result.response.status == 200]
    others = [result for result in job.results if result.response is None or result.response.status != 200]
    named = {f"file-out-{job.number}": answered, f"file-err-{job.number}": others}
    return {name: results for name, results in named.items() if results}


def _told(job: ServedJob) -> dict[str, Any]:
    over = job.state != "running"
    files = {name[:8]: name for name in _files(job)} if over else {}
    return {
        "id": _name(job),
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": job.input,
        "completion_window": "24h",
        "created_at": 0,
        "status": job.state if over else "in_progress",
        "metadata": {"demitasse": job.token},
        "output_file_id": files.get("file-out"),
        "error_file_id": files.get("file-err"),
        "errors": {"object": "list", "data": [_FULL]} if job.state == "failed" else None,
    }


def _line(result: Result) -> bytes:
    line: dict[str, Any] = {"id": f"batch_req_{result.key[:8]}", "custom_id": result.key, "response": None}
    if result.response is None:
        line["error"] = _EXPIRED
    else:
        body = orjson.loads(result.response.body)
        line["response"] = {"status_code": result.response.status, "request_id": "req", "body": body}
        line["error"] = None
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _form_file(message: Message) -> bytes | None:
    """The content of the field `file` of a form."""
    boundary = re.search(r'boundary="?([^";]+)', message.headers.get("content-type", ""))
    for part in message.body.split(b"--" + boundary[1].encode()) if boundary else ():
        head, _, content = part.partition(b"\r\n\r\n")
        if b'name="file"' in head:
            return content.removesuffix(b"\r\n")
    return None


def _error(status: int, message: str) -> Response:
    return json_response(status, write_error(message, status))
