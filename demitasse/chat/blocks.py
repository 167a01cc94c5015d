"""Fencing data off in a prompt, so that text from a model cannot pass for instructions.

A block is a text between two marker lines that carry a nonce. The nonce is a hash of everything that is fenced:
a text that wanted to close its own fence would have to contain its own hash. It is no secret and not random,
so the same question makes the same request, and the journal finds its answer again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

_MARKER = re.compile(r"^<<<(?P<end>end )?(?P<name>[a-z][a-z_]*) (?P<nonce>[0-9a-f]{16})>>>$", re.MULTILINE)


def block_nonce(blocks: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits that depend on every name and every text."""
    digest = hashlib.sha256()
    for name, text in blocks.items():
        for part in (name, text):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:16]


def write_block(name: str, text: str, nonce: str) -> str:
    """The text between its two marker lines. Only concatenation: nothing in `text` is a template.

    Raises:
        ValueError: if the text contains the nonce, or the name is not lower-case letters and underscores.
    """
    if nonce in text:
        raise ValueError(f"the text of block '{name}' contains the block's nonce {nonce}")
    block = f"<<<{name} {nonce}>>>\n{text}\n<<<end {name} {nonce}>>>"
    if not _MARKER.match(block):
        raise ValueError(f"'{name}' with nonce '{nonce}' cannot mark a block")
    return block


def write_blocks(blocks: Mapping[str, str]) -> str:
    """All blocks, in order, under one nonce made from them, a blank line between."""
    nonce = block_nonce(blocks)
    return "\n\n".join(write_block(name, text, nonce) for name, text in blocks.items())


def read_blocks(prompt_text: str) -> dict[str, str]:
    """Name to text of the blocks in a prompt.

    The first marker's nonce is the prompt's own, for fences stand before anything they fence. Markers with
    another nonce are data. A block that is not closed is left out.
    """
    blocks: dict[str, str] = {}
    nonce, opened = "", None
    for marker in _MARKER.finditer(prompt_text):
        nonce = nonce or marker["nonce"]
        if marker["nonce"] != nonce:
            continue
        if opened is None and not marker["end"]:
            opened = marker
        elif opened is not None and marker["end"] and marker["name"] == opened["name"]:
            blocks[opened["name"]] = prompt_text[opened.end() + 1 : marker.start() - 1]
            opened = None
    return blocks
