"""What a user names and is no file: pipes, devices, sockets, links that lead nowhere; and texts without end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper

from ptgraph.cli.main import main
from ptgraph.common.limits import remedy

NET = """
import torch
class Net(torch.nn.Linear):
    def __init__(self): super().__init__(2, 2)
    def forward(self, x): return super().forward(x)
    def example_inputs(self): return [torch.zeros(1, 2)]
"""
KINDS = {
    "pipe": (os.mkfifo, "{} is a named pipe, not a file"),
    "device": (
        lambda path: Path(path).symlink_to("/dev/zero"),
        "{} is a link to /dev/zero, a character device, not a file",
    ),
    "nowhere": (lambda path: Path(path).symlink_to("gone"), "{} is a link to gone, which does not exist"),
    "circle": (
        lambda path: Path(path).symlink_to(Path(path).name),
        "cannot read {}: Too many levels of symbolic links",
    ),
    "socket": (lambda path: socket.socket(socket.AF_UNIX).bind(path), "{} is a socket, not a file"),
    "folder": (lambda path: Path(path).mkdir(), "{} is a folder, not a file"),
}
USES = {
    "onnx": (3, "a.onnx", ["info", "a.onnx"]),
    "program": (3, "a.pt2", ["info", "a.pt2"]),
    "script": (3, "a.pt", ["info", "a.pt"]),
    "config": (3, "a.json", ["info", "a.json"]),
    "config in a folder": (3, "model/config.json", ["info", "model"]),
    "python": (3, "a.py", ["info", "a.py:Net"]),
    "python alone": (3, "a.py", ["info", "a.py"]),
    "checkpoint": (3, "a.pth", ["export", "net.py:Net", "--checkpoint", "a.pth"]),
    "safetensors": (3, "a.safetensors", ["export", "net.py:Net", "--checkpoint", "a.safetensors"]),
    "other model": (3, "a.onnx", ["export", "net.py:Net", "--compare", "a.onnx"]),
    "overlay": (2, "a.csv", ["export", "net.py:Net", "--overlay", "a.csv"]),
    "own onnx": (3, "a.onnx", ["verify", "net.py:Net", "--onnx", "a.onnx"]),
    "text": (3, "a.jsonl", ["train", "pretrain", "--data", "a.jsonl"]),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "net", raising=False)
    yield tmp_path
    sys.modules.pop("net", None)


def refused(code: int, *command: str) -> str:
    result = CliRunner().invoke(main, [*command])
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    assert result.stderr.startswith("ptgraph: error: ")
    return result.stderr.removeprefix("ptgraph: error: ").removesuffix("\n")


MAY_BE_FOLDERS = ("script", "config", "python alone")  # a folder may be the target of a config


@pytest.mark.parametrize(
    ("use", "kind"), [(use, kind) for use in USES for kind in KINDS if kind != "folder" or use not in MAY_BE_FOLDERS]
)
def test_what_is_no_file_is_named_at_once(use: str, kind: str) -> None:
    make, message = KINDS[kind]
    code, file, command = USES[use]
    make(file)
    begun = time.monotonic()
    said = refused(code, *command)
    assert said == message.format(file)
    assert time.monotonic() - begun < 5  # of which most is the import of torch, and of the other model


def test_weights_of_an_onnx_file_in_what_is_no_file() -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 2], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="/dev/zero")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [weight],
    )
    onnx.save(helper.make_model(graph), "a.onnx")
    said = refused(3, "verify", "net.py:Net", "--onnx", "a.onnx")
    assert said == "a.onnx has its weights in another file: /dev/zero is a character device, not a file"


@pytest.mark.parametrize("use", ["config", "config in a folder", "overlay", "python"])
def test_a_text_without_end_is_not_read(use: str) -> None:
    code, file, command = USES[use]
    with Path(file).open("wb") as stream:
        stream.truncate(2**40)
    said = refused(code, *command)
    assert said == f"{file} has 1,048,576.0 MiB, and ptgraph reads at most 16 MiB of such a file; {remedy('text')}"


def test_a_file_of_the_system_that_says_no_size_is_read(folder: Path) -> None:
    (folder / "a.json").symlink_to("/proc/version")
    assert refused(3, "info", "a.json").startswith("a.json: not JSON: ")


@pytest.mark.parametrize("use", ["onnx", "program", "script", "config", "python", "checkpoint", "overlay"])
def test_a_file_that_may_not_be_read_is_not_called_damaged(folder: Path, use: str) -> None:
    code, file, command = USES[use]
    Path(file).write_text(NET)
    Path(file).chmod(0)
    as_user = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    result = subprocess.run([*as_user, sys.executable, "-m", "ptgraph", *command], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (code, f"ptgraph: error: cannot read {file}: Permission denied\n")
