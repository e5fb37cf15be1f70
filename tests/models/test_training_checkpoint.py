"""Checkpoints: whole or not there, and what is not whole is refused."""

import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from ptgraph.models.training.checkpoint import CheckpointError, latest, load_checkpoint, save_checkpoint
from ptgraph.models.training.files import write_whole


def state(step: int) -> dict[str, Any]:
    return {
        "model": {"weight": torch.arange(1000.0) + step, "bias": torch.tensor([], dtype=torch.bfloat16)},
        "generator": torch.Generator().manual_seed(step).get_state(),
        "batches": {"left": [1, 2], "mixture": {"bits": 2**127 + step, "none": None, "exhausted": [False]}},
        "config": {"preset": "nano", "betas": [0.9, 0.95]},
        "done": step,
    }


def cut(path: Path, share: float = 0.5) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "new" / "folder", 7, state(7))
    assert path == tmp_path / "new" / "folder" / "step-000007.pt"
    loaded, expected = load_checkpoint(path), state(7)
    for part in (loaded, expected):
        part["tensors"] = [*part.pop("model").values(), part.pop("generator")]
    torch.testing.assert_close(loaded.pop("tensors"), expected.pop("tensors"), rtol=0, atol=0)
    assert loaded == expected


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_newest_are_kept(tmp_path: Path, keep: int) -> None:
    (tmp_path / "step-notes.pt").write_text("not a checkpoint's name")
    for step in (5, 10, 999_999, 1_000_000):
        save_checkpoint(tmp_path, step, state(step), keep)
    expected = ["step-000005.pt", "step-000010.pt", "step-999999.pt", "step-1000000.pt"][-keep:]
    assert names(tmp_path) == sorted([*expected, "step-notes.pt"])
    found = latest(tmp_path)
    assert found
    assert found[0].name == "step-1000000.pt"
    assert found[1]["done"] == 1_000_000


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert latest(tmp_path) is None
    assert latest(tmp_path / "none") is None


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*step-000001\.pt"):
        load_checkpoint(tmp_path / "step-000001.pt")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_is_refused_and_the_one_before_is_used(tmp_path: Path, share: float) -> None:
    save_checkpoint(tmp_path, 5, state(5))
    newest = save_checkpoint(tmp_path, 10, state(10))
    cut(newest, share)
    with pytest.raises(CheckpointError, match=rf"{re.escape(str(newest))} is cut off.*{newest.stat().st_size:,} bytes"):
        load_checkpoint(newest)
    with pytest.warns(UserWarning, match=rf"{re.escape(str(newest))} is cut off.*the one before is used") as heard:
        found = latest(tmp_path)
    assert len(heard) == 1
    assert found
    assert found[0].name == "step-000005.pt"
    assert found[1]["done"] == 5


def test_a_whole_file_is_read_without_a_warning(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 5, state(5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert latest(tmp_path)


def test_if_all_are_cut_nothing_is_used(tmp_path: Path) -> None:
    for step in (5, 10):
        cut(save_checkpoint(tmp_path, step, state(step)))
    with pytest.warns(UserWarning, match=r"step-000010\.pt"), pytest.raises(CheckpointError, match=r"step-000005\.pt"):
        latest(tmp_path)


class Harmful:
    """What runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))])
def test_a_file_of_code_is_refused_and_does_not_run(tmp_path: Path, write: Any) -> None:
    path, mark = tmp_path / "step-000001.pt", tmp_path / "it ran"
    write({"model": Harmful(mark)}, path)
    with pytest.raises(CheckpointError, match=r"step-000001\.pt"):
        load_checkpoint(path)
    assert not mark.exists()
    torch.load(path, weights_only=False) if write is torch.save else pickle.loads(path.read_bytes())
    assert mark.exists()  # it would have


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x02", bytes(1000), b"PK\x03\x04" + bytes(100)])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "step-000001.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"step-000001\.pt"):
        load_checkpoint(path)


@pytest.mark.parametrize("value", [[1, 2], {"weights": torch.ones(2)}, torch.ones(2)])
def test_a_file_of_torch_that_holds_no_model_is_refused(tmp_path: Path, value: Any) -> None:
    torch.save(value, tmp_path / "step-000001.pt")
    with pytest.raises(CheckpointError, match="holds no model"):
        load_checkpoint(tmp_path / "step-000001.pt")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(file: Any) -> None:
        file.write(b"half of the n")
        file.flush()
        assert path.read_text() == "old"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    """Whoever has the old file open reads it to its end: the new one was never written into it."""
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as old:
        write_whole(path, lambda file: file.write(b"new"))
        assert old.read() == "old"
    assert path.read_text() == "new"


def test_a_checkpoint_that_cannot_be_written_removes_no_other(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 5, state(5), keep=1)
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        save_checkpoint(tmp_path, 10, {"model": lambda: None}, keep=1)
    assert names(tmp_path) == ["step-000005.pt"]
    assert load_checkpoint(tmp_path / "step-000005.pt")["done"] == 5
