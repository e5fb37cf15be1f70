"""Files of torch that are small and stand for much: none takes memory, and each is refused with a reason."""

from __future__ import annotations

import io
import pickle
import resource
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ptgraph.common.limits import remedy
from ptgraph.errors import LoadError
from ptgraph.loading.checkpoint import read
from ptgraph.loading.target import load

LARGE = 2**28
BYTEARRAY = b"\x80\x02}X\x01\x00\x00\x00acbuiltins\nbytearray\n\x8a\x06" + (2**40).to_bytes(6, "little") + b"\x85Rs."


def packed(data: bytes, change: Callable[[str, bytes], bytes | None], *, large: bool = False) -> bytes:
    """Return an archive with other entries; with *large*, those have many zeros at the end, compressed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.infolist():
            found = change(entry.filename, old.read(entry))
            if found is None or not large:
                new.writestr(entry.filename, old.read(entry) if found is None else found)
                continue
            with new.open(zipfile.ZipInfo(entry.filename), "w", force_zip64=True) as stream:
                stream._compressor = zipfile._get_compressor(zipfile.ZIP_DEFLATED)  # type: ignore[attr-defined]
                stream._zinfo.compress_type = zipfile.ZIP_DEFLATED  # type: ignore[attr-defined]
                stream.write(found)
                for _ in range(LARGE >> 20):
                    stream.write(bytes(2**20))
    return made.getvalue()


def weights() -> bytes:
    made = io.BytesIO()
    torch.save(nn.Linear(2, 2).state_dict(), made)
    return made.getvalue()


def program() -> bytes:
    made = io.BytesIO()
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), made)
    return made.getvalue()


def only(end: str, data: bytes | None = None) -> Callable[[str, bytes], bytes | None]:
    return lambda name, own: (own if data is None else data) if name.endswith(end) else None


def refused(action: Callable[[], object]) -> str:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LoadError) as caught:
        action()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kB
    return str(caught.value)


def test_a_checkpoint_that_unpacks_to_much(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    file.write_bytes(packed(weights(), only("/data.pkl"), large=True))
    assert "torch compresses next to nothing" in refused(lambda: read(file))


def test_torchscript_that_unpacks_to_much(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), file)
    file.write_bytes(packed(file.read_bytes(), only("/data.pkl"), large=True))
    assert "torch compresses next to nothing" in refused(lambda: load(str(file), ["input:float32:1x2"]))


def test_a_program_that_unpacks_to_much(tmp_path: Path) -> None:
    file = tmp_path / "a.pt2"
    file.write_bytes(packed(program(), only("/models/model.json"), large=True))
    assert "torch.export.save compresses nothing" in refused(lambda: load(str(file)))


def test_example_inputs_of_a_program_that_unpack_to_much(tmp_path: Path) -> None:
    inner = packed(weights(), only("/data.pkl"), large=True)
    file = tmp_path / "a.pt2"
    file.write_bytes(packed(program(), only("/sample_inputs/model.pt", inner)))
    assert "torch compresses next to nothing" in refused(lambda: load(str(file)))


def test_a_pickle_that_makes_bytes_of_any_size(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    file.write_bytes(packed(weights(), only("/data.pkl", BYTEARRAY)))
    assert refused(lambda: read(file)).startswith(f"{file} holds more than tensors, or it is damaged")
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]
    file.write_bytes(b"".join(pickle.dumps(item, 2) for item in head) + BYTEARRAY)
    assert refused(lambda: read(file)).startswith(f"{file} holds more than tensors, or it is damaged")
    file = tmp_path / "a.pt2"
    inner = packed(weights(), only("/data.pkl", BYTEARRAY))
    file.write_bytes(packed(program(), only("/sample_inputs/model.pt", inner)))
    assert "it makes a bytearray" in refused(lambda: load(str(file)))


def nested(deep: int) -> Any:
    held: Any = [torch.zeros(1, 2)]
    for _ in range(deep):
        held = [held, held]
    return held


def circle() -> Any:
    held: list[Any] = [torch.zeros(1, 2)]
    held.append({"a": (held,)})
    return held


@pytest.mark.parametrize("inputs", [((nested(60),), {}), ((), {"x": nested(200)}), (circle(), {})])
def test_example_inputs_that_hold_one_list_very_often(tmp_path: Path, inputs: Any) -> None:
    made = io.BytesIO()
    torch.save(inputs, made)
    file = tmp_path / "a.pt2"
    file.write_bytes(packed(program(), only("/sample_inputs/model.pt", made.getvalue())))
    begun = time.monotonic()
    assert f"nested as they are, hold more than 1,000,000 values; {remedy('values')}" in refused(
        lambda: load(str(file))
    )
    assert time.monotonic() - begun < 10


def test_what_torch_wrote_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    file.write_bytes(weights())
    assert [*read(file)] == ["weight", "bias"]
    torch.save(nn.Linear(2, 2).state_dict(), file, _use_new_zipfile_serialization=False)
    assert [*read(file)] == ["weight", "bias"]


@pytest.mark.parametrize("ending", [".pt", ".pt2", ".onnx", ".safetensors"])
def test_a_file_with_a_hole(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"a{ending}"
    with file.open("wb") as stream:
        stream.truncate(2**31 - 2 if ending == ".onnx" else 2**40)
    action = (lambda: read(file)) if ending in (".pt", ".safetensors") else (lambda: load(str(file)))
    assert "damaged" in refused(action)
