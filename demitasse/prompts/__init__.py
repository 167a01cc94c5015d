"""Prompt packs: plain-text prompts in one YAML file that a person edits, checked whole when it is loaded.

A pack may extend another (`file`), leave marked blanks that another fills (`blanks`), or be made of a Python
prompts module as TAO's users write them (`module`).
"""

from demitasse.prompts.file import PACKS, PackText, read_pack_text
from demitasse.prompts.module import load_module
from demitasse.prompts.pack import Pack, Placeholders, load_pack

__all__ = ["PACKS", "Pack", "PackText", "Placeholders", "load_module", "load_pack", "read_pack_text"]
