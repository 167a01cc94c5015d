"""A pack's file, and the files that it extends, joined into one text that nobody has filled in yet.

    about:         one line
    extends:       another pack, by its name in `prompts/` or by a path from this file's folder
    system:        the system message
    layout:        own, if the prompts say themselves how a reply is laid out; otherwise the program says so
    placeholders:  NAME: what to write in the place of [NAME]      (a template says this)
    fill:          NAME: the words, or a list of them              (who extends it says this)
    prompts:       key: text

What a file does not say comes from the one it extends; prompts, placeholders and words are joined one by one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from demitasse.config.source import Source, read_file
from demitasse.errors import ConfigError
from demitasse.prompts.blanks import as_list, blanks_of, fill_in
from demitasse.stages import CHECKOUT

PACKS = CHECKOUT / "prompts"
LAYOUTS = ("added", "own")
_TEXTS = ("about", "extends", "system", "layout")
_MAPPINGS = ("placeholders", "fill", "prompts")
FIELDS = (*_TEXTS, *_MAPPINGS)


@dataclass
class PackText:
    """A pack as written. `places` names the file that each prompt stands in."""

    path: Path
    about: str = ""
    system: str = ""
    layout: str = LAYOUTS[0]
    prompts: dict[str, str] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    placeholders: dict[str, str] = field(default_factory=dict)
    fill: dict[str, str] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        """A text of this pack with its blanks filled, as far as there are words for them."""
        return fill_in(text, self.fill).strip()

    def unfilled(self) -> Iterator[tuple[str, str]]:
        """Each blank that has no words yet: the prompt's key (or "system") and the blank's name."""
        for key, text in {"system": self.system, **self.prompts}.items():
            yield from ((key, name) for name in blanks_of(self.filled(text)))


def read_pack_text(name: str) -> PackText:
    """Read a pack by its name (`general`: the file of that name in `prompts/`) or by the path of its file.

    Raises:
        ConfigError: if a file cannot be read, has an unknown key or one of the wrong type, extends itself, or
            fills a blank that there is not.
    """
    text = _joined(_find(name, Path(), ""), ())
    known = {*text.placeholders, *(blank for prompt in text.prompts.values() for blank in blanks_of(prompt))}
    for blank in text.fill:
        if blank not in known:
            raise ConfigError(f"{text.path}: 'fill' has '{blank}', but no prompt has [{blank}]{nearest(blank, known)}")
    return text


def nearest(name: str, known: set[str] | frozenset[str]) -> str:
    """The end of a sentence about an unknown name."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _find(name: str, folder: Path, place: str) -> Path:
    """A pack's file. `folder` is what a path counts from; `place` begins the error."""
    if name.endswith((".yaml", ".yml")):
        return folder / name
    path = PACKS / f"{name}.yaml"
    if not path.is_file():
        packs = sorted(file.stem for file in PACKS.glob("*.yaml"))
        choices = f"choose one of {', '.join(packs)}, or give a .yaml file"
        raise ConfigError(f"{place}there is no prompt pack '{name}': {choices}")
    return path


def _joined(path: Path, above: tuple[Path, ...]) -> PackText:
    """The file's text on top of what it extends. `above` are the files that led here."""
    here = path.resolve()
    if here in above:
        chain = " extends ".join(file.name for file in (*above[above.index(here) :], here))
        raise ConfigError(f"{path}: a pack cannot extend itself ({chain}); take one `extends` out")
    content = _read(path)
    texts = {name: content[name] for name in _TEXTS if name in content}
    text = PackText(path)
    if "extends" in texts:
        base = _find(_text(path, "extends", texts["extends"]), path.parent, f"{path}, 'extends': ")
        text = _joined(base, (*above, here))
    elif "system" not in texts or "prompts" not in content:
        lacking = "prompts" if "system" in texts else "system"
        raise ConfigError(f"{path}: '{lacking}' must be there and be {'a mapping' if lacking in _MAPPINGS else 'text'}")
    text.path, text.about = path, _text(path, "about", texts.get("about"))
    text.system = _text(path, "system", texts["system"]) if "system" in texts else text.system
    text.layout = _layout(path, texts["layout"]) if "layout" in texts else text.layout
    prompts = dict(_pairs(path, "prompts", content))
    text.prompts |= prompts
    text.places |= dict.fromkeys(prompts, path)
    text.placeholders |= dict(_pairs(path, "placeholders", content))
    text.fill |= dict(_pairs(path, "fill", content))
    return text


def _read(path: Path) -> dict[str, Source]:
    content = read_file(path).content
    assert isinstance(content, dict)  # read_file refuses all else
    for name in sorted(set(content) - set(FIELDS)):
        raise ConfigError(f"{path}: unknown key '{name}'{nearest(name, set(FIELDS))}")
    return content


def _text(path: Path, name: str, source: Source | None) -> str:
    if source is None or not isinstance(source.content, str) or source.is_null:
        raise ConfigError(f"{path}: '{name}' must be there and be text")
    return source.content.strip()


def _layout(path: Path, source: Source) -> str:
    layout = _text(path, "layout", source)
    if layout not in LAYOUTS:
        raise ConfigError(f"{path}: 'layout' is {source.shown()}, but must be one of {', '.join(LAYOUTS)}")
    return layout


def _pairs(path: Path, name: str, content: dict[str, Source]) -> Iterator[tuple[str, str]]:
    """A mapping's texts. A list of words becomes lines that begin with a dash; a value left empty is no words yet."""
    source = content.get(name)
    if source is None or source.is_null:
        return
    if not isinstance(source.content, dict):
        raise ConfigError(f"{source.place}: '{name}' must be there and be a mapping")
    for key, value in source.content.items():
        if name == "fill" and value.is_null:
            continue
        if name == "fill" and isinstance(value.content, list):
            yield key, as_list(_text(path, f"fill.{key}", word) for word in value.content)
        elif not isinstance(value.content, str):
            form = "text or a list of texts" if name == "fill" else "text"
            raise ConfigError(f"{value.place}: '{name}.{key}' is {value.shown()}, but must be {form}")
        else:
            yield key, "" if value.is_null else value.content.strip()
