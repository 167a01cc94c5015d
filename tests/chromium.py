"""A real browser for the tests of pages: a headless Chromium, and what a person does at it."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SIZE = (1366, 1000)
SILENCE = 120  # seconds after which a browser is taken for hung


class BrowserSilent(Exception):
    """Chromium itself has hung, as it does once in a thousand pages on a busy machine."""


class Browser:
    """A headless Chromium that is told what to do over its debugging pipe: it points, drags, types, and tells."""

    def __init__(self, profile: Path) -> None:
        self._profile, self._starts = profile, 0
        self.complaints: list[Any] = []
        self._start()

    def _start(self) -> None:
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
        command = ["bash", "-c", script, "-", str(CHROMIUM), *flags, "about:blank"]
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
        self.resize(*SIZE)

    def resize(self, width: int, height: int) -> None:
        """Give the page so much room, in pixels, whatever the window's frame takes."""
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
        """Until an expression is true; a minute at most."""
        end = time.monotonic() + 60
        while not self.js(code):
            assert time.monotonic() < end, f"never true: {code}"
            time.sleep(0.02)

    def go(self, address: str, ready: str = "true") -> None:
        """Load a page, and wait until it is whole and an expression is true."""
        try:
            self.call("Page.navigate", url=address)
        except BrowserSilent:  # nothing of the page has run yet: the fault is the browser's, and another one is tried
            self._process.kill()
            self.close()
            self._start()
            self.call("Page.navigate", url=address)
        self.wait(f"document.readyState === 'complete' && {ready}")

    def open(self, address: str) -> None:
        """Load a page that draws on a picture or a video."""
        self.go(address, "typeof scene !== 'undefined' && Boolean(scene && scene.view && scene.drawn.length)")
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
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)
