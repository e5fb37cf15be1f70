"""Notebooks run from top to bottom in a real kernel, and their figures say what they show."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from click.testing import CliRunner
from matplotlib.figure import Figure
from nbclient import NotebookClient
from torch import nn

import ptgraph
from ptgraph.cli.main import main
from ptgraph.graph.model import ModelGraph
from ptgraph.models import training
from ptgraph.notebook import plots
from ptgraph.notebook.build import notebook

NET = '''
import torch
from torch import nn

class Net(nn.Module):
    """A layer that attends, and one that does not."""

    def __init__(self):
        super().__init__()
        self.attention = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.attention(x)).mean(dim=1)

    def example_inputs(self):
        return {"x": torch.zeros(2, 6, 16)}
'''


def write(folder: Path, target: str, *options: str) -> Path:
    """Write a notebook as the command line does, and return its file."""
    result = CliRunner().invoke(main, ["notebook", target, "-o", str(folder), *options])
    assert result.exit_code == 0, result.output
    return Path(result.stdout.partition("\t")[0])


def execute(file: Path, replaced: dict[str, str] | None = None) -> Any:
    """Run a notebook where it lies, with some of its text replaced; return it with its outputs."""
    text = file.read_text("utf-8")
    for old, new in (replaced or {}).items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    book = nbformat.reads(text, as_version=4)
    resources = {"metadata": {"path": str(file.parent)}}
    NotebookClient(book, timeout=300, kernel_name="python3", resources=resources).execute()
    return book


def outputs(book: Any) -> Iterator[tuple[str, Any]]:
    """Yield what each code cell says, with its source."""
    for cell in book.cells:
        for output in cell.outputs if cell.cell_type == "code" else ():
            yield cell.source, output


def assert_ran(book: Any, pictures: int) -> None:
    """Every cell ran, nothing was said on stdout or stderr, and each figure was shown once."""
    assert all(cell.execution_count for cell in book.cells if cell.cell_type == "code")
    assert [output for _, output in outputs(book) if output.output_type in ("error", "stream")] == []
    shown = [source for source, output in outputs(book) if "image/png" in output.get("data", {})]
    assert len(shown) == len(set(shown)) == pictures
    assert sum("image/svg+xml" in output.get("data", {}) for _, output in outputs(book)) == 1


SHORT = {"steps=400)": "steps=3)", "steps=80)": "steps=2)"}
FEW_SIZES = {"preset_sizes()": "preset_sizes(['nano', 'tiny'])"}  # the notebook of nano traces all presets


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The notebook of the preset nano, run with the fewest steps; the folder holds its runs."""
    file = write(tmp_path_factory.mktemp("nano"), "nano")
    return file.parent, execute(file, SHORT)


def test_the_notebook_of_nano_runs_and_trains(nano: tuple[Path, Any]) -> None:
    folder, book = nano
    assert_ran(book, pictures=11)
    assert len(training.read_metrics(folder / "runs" / "pretrain" / "metrics.jsonl")) == 3
    assert len(training.read_metrics(folder / "runs" / "grpo" / "metrics.jsonl")) == 2
    headings = [cell.source.partition("\n")[0] for cell in book.cells if cell.source.startswith("#")]
    assert headings == [
        *("# nano", "## Instantiate and summarise", "## Where the parameters are", "## Attention patterns"),
        *("## Sizes compared", "## The learning rate", "## Loss and reward", "## The component dependency tree"),
    ]


def test_the_notebook_of_tiny_runs(nano: tuple[Path, Any], tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to(nano[0] / "runs")  # runs that are there are read
    assert_ran(execute(write(tmp_path, "tiny"), SHORT | FEW_SIZES), pictures=11)


def test_the_notebook_of_a_users_file_runs_from_another_folder(workdir: Path) -> None:
    (workdir / "models").mkdir()
    (workdir / "models" / "my net.py").write_text(NET)
    file = write(Path("books"), "models/my net.py:Net", "--name", "mine")
    assert file == Path("books/mine.ipynb")
    book = execute(file)
    assert_ran(book, pictures=6)
    assert "load_target('../models/my net.py:Net'" in file.read_text("utf-8")
    assert str(workdir) not in file.read_text("utf-8")
    assert book.cells[0].source.startswith("# mine\n")


def test_the_notebook_of_a_hugging_face_config_runs_with_inputs_of_its_own(workdir: Path) -> None:
    import transformers

    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertModel(config).config.save_pretrained(workdir / "bert")
    file = write(workdir, "bert", "--input", "input_ids:int64:2x9")
    assert "inputs=['input_ids:int64:2x9']" in file.read_text("utf-8")
    assert_ran(execute(file), pictures=6)


def test_the_same_target_gives_the_same_bytes(workdir: Path) -> None:
    (workdir / "net.py").write_text(NET)
    first = notebook("net.py:Net", "net", folder="out")
    assert first == notebook("net.py:Net", "net", folder="out")
    book = nbformat.reads(first.decode(), as_version=4)
    assert len({cell.id for cell in book.cells}) == len(book.cells)
    (workdir / "nano").mkdir()  # a folder that is called as a preset changes nothing
    assert notebook("nano", "nano", folder="out") == notebook("nano", "nano")


def test_the_cells_use_the_public_api_torch_and_the_standard_library_alone() -> None:
    public = {"ptgraph": ptgraph.__all__, "plots": plots.__all__, "training": training.__all__}
    book = nbformat.reads(notebook("nano", "nano", ["x:int64:2x3"]).decode(), as_version=4)
    used: set[tuple[str, str]] = set()
    for cell in (cell for cell in book.cells if cell.cell_type == "code"):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                assert all(alias.name in ("ptgraph", "torch", *sys.stdlib_module_names) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ptgraph"):
                assert {alias.name for alias in node.names} <= public.keys()
            elif isinstance(node, ast.ImportFrom):
                assert node.module in sys.stdlib_module_names
            elif isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_")
                if isinstance(node.value, ast.Name) and node.value.id in public:
                    used.add((node.value.id, node.attr))
    assert {name for _, name in used} > {"load_target", "trace", "analyze", "attention_patterns", "pretrain", "grpo"}
    assert {name for module, name in used if module == "plots"} == set(plots.__all__)
    assert all(name in public[module] for module, name in used)


def test_a_notebook_of_what_cannot_be_loaded_is_not_written(workdir: Path) -> None:
    for target, code in (("hugo", 3), ("missing.py:Net", 3)):
        result = CliRunner().invoke(main, ["notebook", target])
        assert result.exit_code == code
        assert result.stderr.startswith("ptgraph: error: ") and result.stderr.count("\n") == 1
    result = CliRunner().invoke(main, ["notebook", "nano", "--name", "a/b"])
    assert (result.exit_code, [*workdir.iterdir()]) == (2, [])


# The figures


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def assert_labelled(figure: Figure) -> None:
    """Every axis that has numbers or names on it says what they are."""
    figure.canvas.draw()
    drawn = [axes for axes in figure.axes if axes.axison]
    assert drawn
    for axes in drawn:
        for axis in (axes.xaxis, axes.yaxis):
            ticks = [label for label in axis.get_ticklabels() if label.get_visible() and label.get_text()]
            assert not ticks or axis.get_label_text()
        assert axes.has_data() or axes.patches


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_plots_leave_the_settings_of_matplotlib_and_the_filters_of_warnings_as_they_were() -> None:
    code = """
import warnings, matplotlib, torch
before, filters = dict(matplotlib.rcParams), warnings.filters[:]
from ptgraph.notebook import plots
figure = plots.attention({"attention": torch.full((1, 2, 3, 3), 1 / 3)})
assert dict(matplotlib.rcParams) == before and warnings.filters == filters
from ptgraph.notebook.plot_theme import plot_theme
with plot_theme():
    assert dict(matplotlib.rcParams) != before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_axis_says_what_it_shows(tiny: ModelGraph, nano: tuple[Path, Any]) -> None:
    for draw in (
        *(plots.parameters_by_type, plots.parameters_by_component, plots.parameter_map),
        *(plots.parameters_and_flops, plots.dependency_tree),
    ):
        assert_labelled(draw(tiny))
    patterns = ptgraph.attention_patterns(ptgraph.load_target("nano", weights=True))
    assert_labelled(plots.attention(patterns))
    assert_labelled(plots.attention(patterns, tokens=[str(i) for i in range(16)]))
    assert_labelled(plots.sizes(ptgraph.preset_sizes(["nano", "tiny"])))
    assert_labelled(plots.learning_rate(training.GRPO["tiny"]))
    runs = nano[0] / "runs"
    assert_labelled(plots.training_curves(runs / "pretrain" / "metrics.jsonl"))
    assert_labelled(plots.training_curves(runs / "grpo" / "metrics.jsonl"))


def width(bar: Any) -> float:
    return float(bar.get_width())


def test_the_bars_are_the_numbers_of_the_model(tiny: ModelGraph) -> None:
    for draw in (plots.parameters_by_type, plots.parameters_by_component):
        (axes,) = draw(tiny).axes
        assert sum(map(width, axes.patches)) == tiny.component("").total_params
    (axes,) = plots.parameters_by_component(tiny).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["layers.*", "embedding", "head"]
    blocks = sum(tiny.component(f"layers.{i}").total_params for i in range(12))
    assert width(axes.patches[0]) == blocks
    (axes,) = plots.parameters_and_flops(tiny).axes
    widths = [bar.get_width() for container in axes.containers for bar in container]
    assert sum(widths[: len(widths) // 2]) == pytest.approx(1)


def test_a_part_that_holds_parameters_itself_and_small_ones_are_not_lost() -> None:
    class Many(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(7))
            for size in range(1, 16):
                self.add_module(f"part_{size}", nn.Linear(size, size, bias=False))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.part_7(x) * self.scale

    graph = ptgraph.trace(Many(), torch.zeros(2, 7))
    (axes,) = plots.parameters_by_component(graph, top=4).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["part_15", "part_14", "part_13", "part_12", "12 others"]
    assert sum(map(width, axes.patches)) == graph.component("").total_params
    assert "(itself)" in [
        label.get_text() for label in plots.parameters_by_component(graph, 99).axes[0].get_yticklabels()
    ]


def test_the_sizes_are_the_numbers_of_the_presets() -> None:
    (size,) = ptgraph.preset_sizes(["nano"])
    config = ptgraph.models.PRESETS["nano"]
    assert size.parameters == 868_352
    assert size.cache_bytes_per_token == 2 * config.num_layers * config.num_kv_heads * config.head_dim * 4
    assert size.training_bytes == 16 * size.parameters
    weights = size.parameters - config.vocab_size * config.hidden_size  # the embedding is looked up
    attention = 4 * config.num_layers * config.num_heads * config.head_dim * 16  # two products with 16 keys
    assert size.flops_per_token == pytest.approx(2 * weights + attention, rel=0.01)
    with pytest.raises(ptgraph.LoadError, match="unknown target 'huge'"):
        ptgraph.preset_sizes(["huge"])


def test_a_model_without_parameters_or_attention_says_so() -> None:
    graph = ptgraph.trace(nn.Sequential(nn.ReLU()), torch.zeros(2))
    for draw in (plots.parameters_by_type, plots.parameters_by_component, plots.parameter_map):
        assert texts(draw(graph)) == ["This model has no parameters."]
    assert "does not attend" in texts(plots.attention({}))[0]
    assert_labelled(plots.dependency_tree(graph))


def test_equal_branches_of_the_dependency_tree_are_one(tiny: ModelGraph) -> None:
    found = texts(plots.dependency_tree(tiny))
    assert found.count("TransformerBlock ×12") == 1
    different = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Sequential(nn.GELU()), nn.Sequential(nn.ReLU()))
    found = texts(plots.dependency_tree(ptgraph.trace(different, torch.zeros(2))))
    assert found == ["Sequential", "Sequential ×2", "ReLU", "Sequential", "GELU"]
