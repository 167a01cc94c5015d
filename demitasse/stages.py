"""Makes `annotate`, `train` and `evaluate` mean this checkout's folders in our own processes, and only there.

Hugging Face ships a package called `evaluate`. Both must live in one environment:

* The editable install exposes `demitasse` alone (pyproject.toml), so elsewhere `import evaluate` is Hugging
  Face's, and code that asks "is evaluate installed?" is not misled by us.
* Our entry points (`demitasse`, `train/sft.py`) call `use_checkout()` before they import a stage. It puts the
  checkout in front of `sys.path`; spawned worker processes inherit that path.

An import hook that hides the clash (ours or theirs by caller) was considered and left out: nothing in our
processes needs Hugging Face's package, and a plain path is what a reader can check with `python -v`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from demitasse.errors import DemitasseError

CHECKOUT = Path(__file__).resolve().parent.parent
STAGES = ("annotate", "train", "evaluate")


def use_checkout() -> None:
    """Put the checkout first on `sys.path`.

    Raises:
        DemitasseError: if this is not a checkout, or another package of a stage's name is already loaded.
    """
    for stage in STAGES:
        if not (CHECKOUT / stage / "__init__.py").is_file():
            raise DemitasseError(
                f"{CHECKOUT} has no folder '{stage}': run from a checkout installed with `pip install -e .`"
            )
        loaded = getattr(sys.modules.get(stage), "__file__", None)
        if loaded is not None and not Path(loaded).resolve().is_relative_to(CHECKOUT):
            raise DemitasseError(
                f"'{stage}' is already imported from {loaded}; start Demitasse in a process of its own"
            )
    path = str(CHECKOUT)
    if path in sys.path:
        sys.path.remove(path)
    sys.path.insert(0, path)
