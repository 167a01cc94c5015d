"""Stands for torchaudio, whose wheel from the package index loads with CUDA only; nothing here makes a sound."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

sys.modules["torchaudio"] = ModuleType("torchaudio")
sys.modules["torchaudio"].__spec__ = ModuleSpec("torchaudio", None)
