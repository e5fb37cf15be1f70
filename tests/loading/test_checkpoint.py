"""Weights from a file: they become the model's, once in memory; what does not fit, or is no checkpoint, is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file
from torch import nn

from ptgraph.cli.main import main
from ptgraph.common.messages import MANY
from ptgraph.errors import LoadError, PtgraphError, UsageError
from ptgraph.loading.checkpoint import ENDINGS, fill
from ptgraph.loading.meta_init import parameters_on_meta
from ptgraph.loading.target import load

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.norm = nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("table", torch.arange(6) / 6, persistent=False)

    def forward(self, ids):
        return self.head(self.norm(self.embedding(ids)) + self.table)

    def example_inputs(self):
        return torch.zeros(3, dtype=torch.int64)

class Stubborn(Net):
    "It looks at its numbers while it is built."
    def __init__(self):
        super().__init__()
        self.sum = self.embedding.weight.sum().item()

class Half(Net):
    def __init__(self):
        super().__init__()
        self.half()

net = Net()
"""


@pytest.fixture(autouse=True)
def folder(workdir: Path) -> Path:
    """Work in a folder with the file net.py; afterwards, nothing imported from it is left."""
    (workdir / "net.py").write_text(NET)
    return workdir


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    """A state dict of Net with numbers of its own; the tied weight is there under both of its names."""
    torch.manual_seed(7)
    model = model_of("net.py:Net", weights=True)
    nn.init.normal_(model.embedding.weight)
    model.norm.running_mean.normal_()
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def model_of(target: str, **options: Any) -> Any:
    model = load(target, **options).model
    assert model is not None
    return model


def without(state: dict[str, torch.Tensor], *names: str) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in state.items() if name not in names}


def wrong(target: str = "net.py:Net", checkpoint: str = "net.pt", error: type[PtgraphError] = LoadError) -> str:
    with pytest.raises(PtgraphError) as caught:
        load(target, checkpoint=checkpoint)
    assert type(caught.value) is error
    message = str(caught.value)
    assert "\n" not in message
    return message


def run(line: str) -> Result:
    return CliRunner().invoke(main, line.split())


# Files that fit

SAVERS: dict[str, Callable[[dict[str, torch.Tensor], str], None]] = {
    "net.safetensors": save_file,
    "net.pt": torch.save,
    "net.pth": lambda state, path: torch.save({"epoch": 3, "state_dict": state}, path),
    "net.bin": lambda state, path: torch.save({"model": state, "optimizer": {"lr": 0.1}}, path),
    "old.pt": lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False),
    "tied.safetensors": lambda state, path: save_file(without(state, "head.weight"), path),
    "other_name.pt": lambda state, path: torch.save(without(state, "embedding.weight"), path),
}


@pytest.mark.parametrize("target", ["net.py:Net", "net.py:Stubborn", "net.py:net"])
@pytest.mark.parametrize("name", list(SAVERS))
def test_the_weights_of_the_file_become_those_of_the_model(target, name, weights):
    SAVERS[name](weights, name)
    model = model_of(target, checkpoint=name)
    state = model.state_dict()
    assert list(state) == list(weights)
    assert all(torch.equal(state[key], weights[key]) for key in weights)
    assert model.head.weight is model.embedding.weight
    assert isinstance(model.head.weight, nn.Parameter) and model.head.weight.requires_grad
    assert torch.equal(model.table, torch.arange(6) / 6)  # which no file holds


def test_every_ending_that_is_named_is_tried_above():
    assert {Path(name).suffix for name in SAVERS} == set(ENDINGS)


def test_types_stay_those_of_the_model(weights):
    torch.save(weights, "net.pt")
    model = model_of("net.py:Half", checkpoint="net.pt")
    assert {p.dtype for p in model.parameters()} == {torch.float16}
    assert torch.equal(model.head.weight, weights["head.weight"].half())
    assert model.norm.num_batches_tracked.dtype == torch.int64


@pytest.mark.parametrize("name", ["net.safetensors", "net.pt"])
def test_weights_are_not_held_twice(folder, weights, name):
    """They are the file itself, mapped into memory."""
    SAVERS[name](weights, name)
    model = model_of("net.py:Net", checkpoint=name)
    places = [line.split()[0] for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(name)]
    ranges = [tuple(int(end, 16) for end in place.split("-")) for place in places]
    assert all(any(first <= p.data_ptr() < last for first, last in ranges) for p in model.parameters())


def test_only_the_parameters_of_modules_are_put_on_meta():
    with parameters_on_meta():
        norm, loose = nn.BatchNorm1d(2), nn.Parameter(torch.zeros(2))
    assert norm.weight.is_meta and not norm.running_mean.is_meta
    assert not loose.is_meta
    assert not nn.Linear(2, 2).weight.is_meta


def test_a_tensor_that_two_modules_are_given_stays_one_on_meta():
    shared = nn.Parameter(torch.ones(2, 2), requires_grad=False)
    with parameters_on_meta():
        one, two = nn.Linear(2, 2), nn.Linear(2, 2)
        one.weight = two.weight = shared
    assert one.weight is two.weight
    assert one.weight.is_meta and not one.weight.requires_grad


def test_a_file_of_hugging_face_fits_its_config(folder):
    import transformers

    settings: dict[str, Any] = {"model_type": "gpt2", "n_layer": 2, "n_embd": 8, "n_head": 2, "vocab_size": 32}
    (folder / "gpt").mkdir()
    (folder / "gpt" / "config.json").write_text(json.dumps({**settings, "architectures": ["GPT2LMHeadModel"]}))
    torch.manual_seed(7)
    saved = transformers.GPT2LMHeadModel(transformers.GPT2Config(**settings))
    saved.save_pretrained("saved")
    model = model_of("gpt", checkpoint="saved/model.safetensors")
    assert model.lm_head.weight is model.transformer.wte.weight
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), saved.parameters(), strict=True))
    assert not any(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])


# Files that do not fit


def test_names_that_are_missing_extra_or_of_another_shape_are_all_named(weights):
    torch.save({**without(weights, "norm.bias"), "norm.weight": torch.zeros(2, 3), "new": torch.zeros(1)}, "net.pt")
    assert wrong() == (
        "net.pt does not fit Net; missing: norm.bias; not in the model: new; "
        "of another shape: norm.weight (2×3, in the model 6)"
    )


def test_a_tied_weight_that_is_not_there_at_all_is_named_once(weights):
    torch.save(without(weights, "head.weight", "embedding.weight"), "net.pt")
    assert wrong() == "net.pt does not fit Net; missing: embedding.weight"


@pytest.mark.parametrize("names", [["head.weight"], ["head.weight", "embedding.weight"]])
def test_a_tied_weight_of_another_shape_is_named_with_both_sizes(weights, names):
    torch.save({**without(weights, "head.weight"), **dict.fromkeys(names, torch.zeros(11))}, "net.pt")
    said = wrong()
    assert said.startswith("net.pt does not fit Net; of another shape: ")
    assert all(f"{name} (11, in the model 11×6)" in said for name in names)
    assert "missing" not in said


def test_tied_weights_that_differ_in_the_file_are_named(weights):
    torch.save({**weights, "head.weight": weights["head.weight"] + 1}, "net.pt")
    assert wrong() == "net.pt does not fit Net; tied in the model, and different in the file: head.weight"


def test_so_many_names_that_they_are_counted(weights):
    extra = {f"layer.{number}": torch.zeros(1) for number in range(MANY + 5)}
    torch.save({**weights, **extra}, "net.pt")
    assert wrong() == f"net.pt does not fit Net; not in the model: {', '.join([*extra][:MANY])} and 5 more"


# Files that are no checkpoints


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("name", ["net.safetensors", "net.pt", "old.pt"])
def test_a_file_that_is_cut_off(folder, weights, name, share):
    SAVERS[name](weights, name)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(share * len(data))])
    assert wrong(checkpoint=name).startswith(f"{name} holds ")


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (3, "net.pt holds something of type int, not tensors by name"),
        ([torch.zeros(1)], "net.pt holds something of type list, not tensors by name"),
        ({"epoch": 3, "lr": 0.1}, "net.pt holds more than tensors by name: epoch, lr"),
        ({"state_dict": 3}, "net.pt holds more than tensors by name: state_dict"),
        (
            nn.Linear(2, 2),
            "net.pt holds more than tensors, or it is damaged; write it with torch.save(model.state_dict(), …)",
        ),
    ],
)
def test_a_file_that_holds_something_else(held, message):
    torch.save(held, "net.pt")
    assert wrong() == message


def test_a_file_that_runs_code_is_not_run(folder):
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (Path("sprung"),))

    torch.save({"weight": Trap()}, "net.pt")
    assert wrong().startswith("net.pt holds more than tensors, or it is damaged; ")
    assert not Path("sprung").exists()


def test_places_where_there_is_no_file(folder):
    (folder / "some.pt").mkdir()
    (folder / "net.npz").write_bytes(b"numbers")
    assert wrong(checkpoint="gone.pt") == "gone.pt does not exist"
    assert wrong(checkpoint="some.pt") == "some.pt is a folder, not a file"
    assert wrong(checkpoint="net.npz") == (
        "net.npz is no file of weights that ptgraph reads; those end with .safetensors, .pt, .pth, .bin"
    )


def test_a_program_has_its_own_weights(weights):
    torch.save(weights, "net.pt")
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), "saved.pt2")
    message = "saved.pt2 holds its own weights; --checkpoint cannot change them"
    assert wrong("saved.pt2", error=UsageError) == message


def test_what_a_module_says_of_its_part_is_one_line(weights):
    class Picky(nn.Linear):
        def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
            raise ArithmeticError("not these\nnumbers")

    torch.save(nn.Linear(2, 2).state_dict(), "net.pt")
    with pytest.raises(LoadError, match=r"^net.pt does not fit Picky: not these$"):
        fill(Picky(2, 2), Path("net.pt"), "Picky")


# On the command line


def test_export_writes_the_weights_of_the_file(weights):
    save_file(without(weights, "head.weight"), "net.safetensors")
    result = run("export net.py:Net -f onnx --weights embedded --checkpoint net.safetensors")
    assert (result.exit_code, result.stderr) == (0, "")
    held = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load("exports/Net.onnx").graph.initializer}
    for name in ("embedding.weight", "norm.weight", "norm.running_mean"):
        assert (held[name] == weights[name].numpy()).all()


def test_without_weights_the_file_is_only_checked(weights):
    plain = run("export net.py:Net -f onnx --name plain")
    torch.save(weights, "net.pt")
    checked = run("export net.py:Net -f onnx --name checked --checkpoint net.pt")
    assert (plain.exit_code, checked.exit_code, checked.stderr) == (0, 0, "")
    for name in ("plain", "checked"):
        shown = [item.values.name for item in onnx.load(f"exports/{name}.onnx").graph.sparse_initializer]
        assert {"embedding.weight", "norm.bias"} <= set(shown)
    torch.save(without(weights, "norm.bias"), "net.pt")
    refused = run("export net.py:Net -f onnx --name refused --checkpoint net.pt")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert refused.stderr == "ptgraph: error: net.pt does not fit Net; missing: norm.bias\n"
    assert not Path("exports/refused.onnx").exists()
