"""A results folder as `annotate video` leaves it, small enough to write by hand, and a client for the page's server."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demitasse.view.folders import open_review
from demitasse.view.server import HOST, ViewServer
from demitasse.view.store import EditStore

MCQ = "Which tool falls?\nA. hammer\nB. wrench\nC. saw\nAnswer with a single letter."


def task_file(path: Path, task: str, items: list[dict[str, Any]], **top: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    value = {"format": "tao-vl-reason-v1.0", "metadata": {"type": "annotation", "task": task, "license": "CC-BY-4.0"}}
    path.write_text(json.dumps({**value, "media_root": "videos", **top, "items": items}))


def rows(path: Path, *content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in content))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A plain folder: three items about two files that are called videos."""
    folder = tmp_path / "set"
    (folder / "videos").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4"):
        (folder / "videos" / name).write_bytes(bytes(range(256)) * 8 + name.encode())
    choice = {"video_id": "a.mp4", "question": MCQ, "answer": "B", "reasoning": "It shows.", "item_index": "m1"}
    second = {"video_id": "b.mp4", "question": MCQ, "answer": "C", "reasoning": "It lies there.", "item_index": "m2"}
    task_file(folder / "mcq.json", "mcq", [choice, second])
    task_file(folder / "open_qa.json", "open_qa", [{"video_id": "a.mp4", "question": "Why?", "answer": "It slips."}])
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder: one video that came through, one that was filtered out, one in quarantine."""
    folder = tmp_path / "results"
    (tmp_path / "videos").mkdir()
    for name in ("ok.mp4", "dull.mp4", "torn.mp4"):
        (tmp_path / "videos" / name).write_bytes(name.encode())
    caption = "<00:00:00><00:00:02> A cart rolls in.\n[00:02 - 00:04]: It tips over.\nNobody is hurt."
    base = {"video": "ok.mp4", "video_length": 8.0, "mode": "anomaly", "global_caption": "A cart tips over."}
    told = {"step": "1a", "asked": ["t"], "answered": ["t-2"], "pack": "general"}
    rows(folder / "step_0_filter/media.jsonl", {"video": "torn.mp4", "video_length": 3.0})
    rows(
        folder / "step_0_filter/filter_results.jsonl", {"video": "dull.mp4", "is_valid": False, "raw_response": "dark"}
    )
    rows(folder / "step_1a_caption/captions.jsonl", {**base, "dense_caption": caption, "provenance": told})
    chunk = {"chunk_index": 0, "timestamp_start": 0, "timestamp_end": 5, "caption": "A cart."}
    rows(folder / "step_1b_chunks/chunk_captions.jsonl", {**base, "chunk_captions": [chunk]})
    close = {"anomaly_timestamp_sec": 3.0, "timestamp_start": 1.0, "timestamp_end": 5.0, "caption": "It tips."}
    rows(folder / "step_1c_highlight/highlight_captions.jsonl", {**base, "highlight_chunk": close})
    rows(folder / "step_2_description/descriptions.jsonl", {**base, "detailed_description": "All of it."})
    rows(folder / "quarantine.jsonl", {"video": "torn.mp4", "step": "1a", "reason": "the reply was cut"})
    quality = {"blind": {"verdict": "drop", "reason": "4 of 5 right"}, "judge": {"verdict": "keep"}, "x": "unknown"}
    item = {"video_id": "ok.mp4", "question": "Why?", "answer": "It slips.", "quality": quality, "bbox": [0, 0, 0.5, 1]}
    task_file(folder / "step_4_output/open_qa.json", "open_qa", [item], media_root="../../videos")
    (folder / "LOCK.json").write_text("{}")
    return folder


def picture_row(
    image: str, size: tuple[int, int], expressions: dict[str, list[list[float]]], **more: Any
) -> dict[str, Any]:
    """A row of `annotations.jsonl`: each box of an expression is a label and a region of its own, too."""
    boxes = [box for some in expressions.values() for box in some]
    numbers = iter(range(len(boxes)))

    def both(box: list[float]) -> dict[str, Any]:
        return {"bbox_px": box, "bbox_2d": [round(v * 1000 / s) for v, s in zip(box, (*size, *size), strict=True)]}

    def said(name: str, text: str, some: list[list[float]]) -> dict[str, Any]:
        instances = [
            {**both(box), "bbox_id": f"{name}/box_{at:02}", "region": next(numbers), "region_iou": 1.0}
            for at, box in enumerate(some)
        ]
        return {"text": text, "expression_id": name, "instances": instances, "verified": True}

    regions = [
        {**both(box), "type": "car", "color": "red", "description": f"car {at}", "box": at, "box_iou": 1.0}
        for at, box in enumerate(boxes)
    ]
    row = {"image_id": Path(image).stem, "image": image, "image_path": f"gone/{image}", "width": size[0]}
    row |= {"height": size[1], "kitti_bboxes": [[*map(int, box), "Car"] for box in boxes]}
    row |= {"boxes": [{**both(box), "type": "Car", "line": at + 1} for at, box in enumerate(boxes)], "left_out": []}
    row |= {"regions": regions, "caption": f"A street in {image}."}
    row["expressions"] = [
        said(f"{image}/expr_{at:02}", text, some) for at, (text, some) in enumerate(expressions.items())
    ]
    return row | {"removed": [], "provenance": {"2": {"pack": "referring"}}} | more


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A results folder of `annotate image`: a lying picture, a standing one that EXIF turns, one in quarantine."""
    from PIL import Image

    folder, images = tmp_path / "referring", tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (200, 100), "#404040").save(images / "a.png")
    exif = Image.Exif()
    exif[0x112] = 6  # as stored it lies; it is displayed 60 wide and 120 high
    Image.new("RGB", (120, 60), "#404040").save(images / "b.jpg", exif=exif)
    cars = {
        "the left car": [[10.0, 10.5, 60.0, 40.0]],
        "both cars": [[10.0, 10.5, 60.0, 40.0], [120.0, 50.0, 180.0, 90.0]],
    }
    first = picture_row("a.png", (200, 100), cars, left_out=[{"line": 7, "reason": "its type is DontCare"}])
    second = picture_row("b.jpg", (60, 120), {"the dot": [[30.0, 60.0, 31.0, 61.0]]})
    rows(folder / "annotations.jsonl", first, second)
    rows(folder / "quarantine.jsonl", {"image": "c.png", "step": "0", "reason": "the reply was cut"})
    spec = {"image_referring_expression": {"data": {"image_dir": str(images)}}}
    (folder / "annotate.yaml").write_text(json.dumps(spec))
    return folder


class Client:
    """Asks the page's server, as a browser that was let in."""

    def __init__(self, server: ViewServer) -> None:
        self.server = server
        self.port = server.server_address[1]
        self.headers = {"Host": f"{HOST}:{self.port}", "Cookie": f"demitasse_view_{self.port}={server.token}"}

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str | None) -> Any:
        """Status, headers and body; a header given as None is left out."""
        told = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in told.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    def json(self, path: str) -> Any:
        status, _, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def decide(self, edit: dict[str, Any], **headers: str | None) -> tuple[int, Any]:
        own = {"Origin": f"http://{HOST}:{self.port}", "Content_Type": "application/json"}
        status, _, body = self.ask("/api/edits", "POST", json.dumps(edit).encode(), **(own | headers))
        return status, json.loads(body)


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Serve a folder while the block lasts."""

    @contextmanager
    def serving(folder: Path, decisions: bool = True, **options: Any) -> Iterator[Client]:
        review = open_review(folder, **options)
        if not decisions:
            with running(ViewServer(review)) as client:
                yield client
            return
        with EditStore(review, folder, "vera") as store, running(ViewServer(review, store)) as client:
            yield client

    return serving


@contextmanager
def running(server: ViewServer) -> Iterator[Client]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Client(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def about(row: dict[str, Any], decision: str, **changes: str) -> dict[str, Any]:
    """A decision on a row of the overview."""
    return {"item": row["item"], "of": row["of"], "decision": decision, "changes": changes}
