"""The documents say what is true: the options, formats and presets that the code has, and links that lead somewhere."""

from __future__ import annotations

import re

import pytest
import torch

from ptgraph.cli.main import main
from ptgraph.formats.registry import FORMATS
from ptgraph.models import PRESETS, build
from tests.conftest import ROOT
from tools import module_list, package_map

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_option_of_export_is_in_the_readme() -> None:
    options = {name for parameter in main.commands["export"].params for name in parameter.opts if name.startswith("-")}
    rows = re.findall(r"^\| (`-.*?) \|", README, re.MULTILINE)
    table = {name for row in rows for name in re.findall(r"-[\w-]+", row)}
    assert options - {"--debug"} <= table
    assert {name for name in table if name.startswith("-")} <= options


def test_every_option_of_verify_is_in_the_readme_or_one_of_export() -> None:
    export, verify = (
        {name for parameter in main.commands[command].params for name in parameter.opts if name.startswith("--")}
        for command in ("export", "verify")
    )
    (section,) = re.findall(r"^## Verify\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"--\w+", section))
    assert verify - export <= named <= verify


@pytest.mark.parametrize(
    ("heading", "commands"),
    [("Train it", ["pretrain", "grpo"]), ("Pipelines", ["pipeline"]), ("Notebook", ["notebook"])],
)
def test_every_option_of_a_command_is_in_its_section(heading: str, commands: list[str]) -> None:
    (section,) = re.findall(rf"^## {heading}\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    known = {**main.commands, **main.commands["train"].commands}  # type: ignore[attr-defined]
    options = {name for command in commands for p in known[command].params for name in p.opts if name.startswith("-")}
    named = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", section))
    assert named <= options
    assert options - {"-o", "-f", "-q", "--output", "--format", "--quiet", "--debug"} <= named


def test_every_format_and_preset_is_in_the_readme() -> None:
    for name in FORMATS:
        assert f"| `{name}` |" in README
    for name in PRESETS:
        with torch.device("meta"):
            count = build(name).num_parameters()
        assert f"| `{name}` | {count:,} | {PRESETS[name].num_layers} × {PRESETS[name].hidden_size} |" in README


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_into_the_repository_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert all((ROOT / link).exists() for link in links), links
    named = re.findall(r"`((?:ptgraph|models|tests|benchmarks|tools)/[\w/.]*\w)`", text)
    assert all((ROOT / name).exists() for name in named if "NAME" not in name), named


def test_the_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for document in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\bmake (\w+)", (ROOT / document).read_text(encoding="utf-8")):
            if target not in ("sure",):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_map_of_the_packages_is_current() -> None:
    assert package_map.FILE.read_text("utf-8") == package_map.svg(), "docs/packages.svg is old; run: make docs"


def test_the_list_of_modules_is_current() -> None:
    assert module_list.FILE.read_text("utf-8") == module_list.document(), "docs/modules.md is old; run: make docs"


def test_every_package_is_in_the_table_of_contributing() -> None:
    table = CONTRIBUTING.partition("| package | what it is |")[2].partition("\n\n")[0]
    packages = {path.name for path in (ROOT / "ptgraph").iterdir() if (path / "__init__.py").exists()}
    assert {name for name in packages if f"`{name}" not in table} == set()
