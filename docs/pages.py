"""What the site of `make docs` consists of: every page where it lies in the checkout, and the API from docstrings.

A hook of MkDocs (mkdocs.yml). Pages keep their places, so the links that are right in the checkout are right on the
site; files that they link to come along. Of each folder of code there is one page, with its modules in order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("demitasse", "annotate", "train", "evaluate")
MENU = {
    "Start": ("concepts", "commands", "recipes"),
    "Annotate": ("videos", "endpoints", "referring", "espresso", "cotasks", "cotasks_measured", "quality", "review"),
    "Data": ("formats", "export"),
    "Train": ("training", "hardware", "watching", "students", "selector", "trained", "serving"),
    "Evaluate": ("asking", "judging", "comparing", "statistics", "benchmarks", "interop"),
    "Measured and compared": ("scale", "performance", "agreement", "tao", "sources", "traps"),
}
_TEXT_AND_LINK = re.compile(r"(?<!!)\[([^\]\[]*)\]\(([^)#\s]+)\)")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def pages() -> list[Path]:
    """Markdown that is for readers."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "recipes").glob("*/README.md"))]


def linked(page: Path) -> Iterator[Path]:
    """Files in the checkout that a page links to or shows."""
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve()
        if "://" not in target and path.is_file() and path.is_relative_to(ROOT):
            yield path


def code_folders() -> Iterator[tuple[str, list[str]]]:
    """Each folder of code as a dotted name, and the names of its modules."""
    for package in PACKAGES:
        for folder in sorted({path.parent for path in (ROOT / package).rglob("*.py")}):
            names = [dotted(path) for path in sorted(folder.glob("*.py")) if not path.stem.startswith("__")]
            if (folder / "__init__.py").is_file() and "." not in folder.name:
                yield dotted(folder), names


def dotted(path: Path) -> str:
    """The name by which a module or package is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def on_config(config: Any) -> Any:
    """The menu."""
    config["nav"] = [
        {"Demitasse": "README.md"},
        *({title: [f"docs/{name}.md" for name in names]} for title, names in MENU.items()),
        {"Recipes": [{path.parent.name: _uri(path)} for path in pages() if path.parent.parent.name == "recipes"]},
        {"API": [{name: f"api/{name}.md"} for name, _ in code_folders()]},
        {"Contributing": ["CONTRIBUTING.md", "docs/adding_a_task.md", "CHANGELOG.md"]},
    ]
    return config


def _uri(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def on_files(files: Files, config: Any) -> Files:
    """The pages, what they link to, and the API."""
    from mkdocs.structure.files import File, Files

    kept = Files([one for one in files if not one.src_uri.endswith((".md", ".py", ".png"))])
    for path in {*pages(), *(target for page in pages() for target in linked(page))}:
        kept.append(File.generated(config, _uri(path), abs_src_path=str(path)))
    for name, modules in code_folders():
        parts = [f"# {name}\n", f"::: {name}\n    options: {{members: false, show_root_heading: false}}\n"]
        parts += [f"::: {module}\n" for module in modules]
        kept.append(File.generated(config, f"api/{name}.md", content="\n".join(parts)))
    return kept


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A link to a folder, which the site does not have, leads to its README, or is left out where there is none."""
    beside = (ROOT / page.file.src_uri).parent

    def put(link: re.Match[str]) -> str:
        text, target = link.groups()
        folder = beside / target
        if "://" in target or not folder.is_dir():
            return link[0]
        return f"[{text}]({target.rstrip('/')}/README.md)" if (folder / "README.md").is_file() else text

    return _TEXT_AND_LINK.sub(put, markdown)
