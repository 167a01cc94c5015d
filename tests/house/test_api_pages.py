"""The API of the site (`make docs`): every module is on it, says what it is for, and names its arguments truly."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("demitasse", "annotate", "train", "evaluate")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_every_module_is_on_one_page(pages):
    shown = [name for folder, modules in pages.code_folders() for name in (folder, *modules)]
    assert sorted(shown) == sorted(named(path) for path in MODULES if path.stem != "__main__")


def test_every_module_says_what_it_is_for():
    assert [named(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_an_argument_that_a_docstring_tells_of_is_one_of_the_function(package):
    wrong = []
    for path in MODULES:
        if path.relative_to(ROOT).parts[0] != package:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = node.args
                known = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
                known |= {one.arg for one in (arguments.vararg, arguments.kwarg) if one is not None}
                wrong += [f"{named(path)}.{node.name}: {name}" for name in told(node) if name.lstrip("*") not in known]
    assert wrong == []


def told(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names in a docstring's section Args."""
    match = re.search(r"^Args:\n((?: .*\n|\n)+)", (ast.get_docstring(node) or "") + "\n", re.MULTILINE)
    return re.findall(r"^    ([^\s:][^:\n]*):", match[1], re.MULTILINE) if match else []


def test_the_pages_that_the_menu_names_are_there(pages):
    menu = pages.on_config({})["nav"]
    uris = re.findall(r"'([^']+\.md)'", str(menu))
    folders = {name for name, _ in pages.code_folders()}
    for uri in uris:
        assert (ROOT / uri).is_file() or uri.removeprefix("api/").removesuffix(".md") in folders, uri
    assert {"README.md", "docs/scale.md", "api/demitasse.engine.md"} <= set(uris)
    assert sorted(uri for uri in uris if uri.startswith("docs/")) == sorted(
        path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")
    ), "MENU in docs/pages.py names every page once"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param("[a](../recipes/quickstart)", "[a](../recipes/quickstart/README.md)", id="a_folder_with_a_readme"),
        pytest.param("see [prompts](../prompts).", "see prompts.", id="a_folder_without_one"),
        pytest.param("[b](scale.md) ![c](images/view.png)", "[b](scale.md) ![c](images/view.png)", id="files"),
        pytest.param("[d](https://example.org/docs)", "[d](https://example.org/docs)", id="elsewhere"),
    ],
)
def test_a_link_to_a_folder_leads_to_its_readme(pages, written, shown):
    page = SimpleNamespace(file=SimpleNamespace(src_uri="docs/scale.md"))
    assert pages.on_page_markdown(written, page) == shown


def test_the_site_fetches_nothing_and_takes_a_warning_for_an_error():
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["strict"] is True and settings["theme"] == settings["theme"] | {"highlightjs": False}
    assert settings["theme"]["name"] == "readthedocs", "whose fonts and scripts come with it"
    assert f"{settings['site_dir']}/" in (ROOT / ".gitignore").read_text().split()


IMPORT = """
import importlib, sys
sys.path.insert(0, ".")
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in ("bitsandbytes", "trackio"):  # brought by whoever wants them
            raise
"""


@pytest.mark.slow
def test_every_module_can_be_imported():
    names = [named(path) for path in MODULES if path.stem != "__main__"]
    done = subprocess.run([sys.executable, "-c", IMPORT, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
