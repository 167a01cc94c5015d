"""A results folder as `annotate video` leaves it, small enough to write by hand, and a client for the page's server."""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import subprocess
import threading
import time
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
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
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


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SILENCE = 30  # seconds after which a browser is taken for hung


class BrowserSilent(Exception):
    """Chromium itself has hung, as it does once in a thousand pages on a busy machine."""


class Browser:
    """A headless Chromium that is told what to do over its debugging pipe: it points, drags, types, and tells."""

    def __init__(self, profile: Path, width: int = 1366, height: int = 1000) -> None:
        self._profile, self._size, self._starts = profile, (width, height), 0
        self.complaints: list[Any] = []
        self._start()

    def _start(self) -> None:
        width, height = self._size
        profile = self._profile / str(self._starts)  # a browser that hung may still hold its own
        self._starts += 1
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        flags += [
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        ]
        # The pipe is descriptors 3 and 4, whichever they are here.
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        command = ["bash", "-c", script, "-", str(CHROMIUM), *flags, f"--window-size={width},{height}", "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._rest, self._count, self._session = b"", 0, ""
        pages = [one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        self._session = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def call(self, method: str, **params: Any) -> Any:
        number = self._tell(method, **params)
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            if answer.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(answer["params"])
            if answer.get("method") == "Page.javascriptDialogOpening":  # the page asks if it may be left
                self._tell("Page.handleJavaScriptDialog", accept=True)

    def _tell(self, method: str, **params: Any) -> int:
        self._count += 1
        told = {"id": self._count, "method": method, "params": params}
        os.write(self._out, json.dumps(told | ({"sessionId": self._session} if self._session else {})).encode() + b"\0")
        return self._count

    def _read(self) -> Any:
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], SILENCE)[0]:
                raise BrowserSilent
            part = os.read(self._in, 2**20)
            assert part, "the browser has gone"
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def js(self, code: str) -> Any:
        """The value of an expression on the page."""
        answer = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, code: str) -> None:
        """Until an expression is true; ten seconds at most."""
        end = time.monotonic() + 10
        while not self.js(code):
            assert time.monotonic() < end, f"never true: {code}"
            time.sleep(0.02)

    def open(self, address: str) -> None:
        try:
            self.call("Page.navigate", url=address)
        except BrowserSilent:  # nothing of the page has run yet: the fault is the browser's, and another one is tried
            self._process.kill()
            self.close()
            self._start()
            self.call("Page.navigate", url=address)
        self.wait(
            "document.readyState === 'complete' && typeof scene !== 'undefined'"
            " && Boolean(scene && scene.view && scene.drawn.length)"
        )
        self.js("detail(scene.medium).then(() => 0)")

    def point(self, x: float, y: float, kind: str = "mouseMoved", buttons: int = 0) -> None:
        button = "left" if buttons or kind != "mouseMoved" else "none"
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons, clickCount=1)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press, move and let go; at one place it is a click."""
        self.point(*start)
        self.point(*start, "mousePressed", 1)
        for part in (0.5, 1.0) if start != end else ():
            self.point(*(one + part * (other - one) for one, other in zip(start, end, strict=True)), buttons=1)
        self.point(*end, "mouseReleased")

    def key(self, name: str, modifiers: int = 0) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, modifiers=modifiers)

    def frame(self, shape: str) -> list[float]:
        """Where a shape is on the screen: left, top, right, bottom."""
        found = f"scene.drawn.find((one) => one.name === {json.dumps(shape)}).frame"
        return self.js(
            f"(() => {{ const [a, b, c, d] = {found}; const at = scene.shapes.getBoundingClientRect();"
            " return [at.left + a, at.top + b, at.left + c, at.top + d]; })()"
        )

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        os.close(self._out)
        os.close(self._in)


@pytest.fixture(scope="session")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def browser(_chromium: Browser) -> Iterator[Browser]:
    """The browser; a script of the page that fails in it fails the test."""
    _chromium.complaints.clear()
    yield _chromium
    assert _chromium.complaints == []
