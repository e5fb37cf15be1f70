"""Runs that are interrupted and resumed are, to the last bit, those that were not."""

import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch

from ptgraph.models.training import (
    CheckpointError,
    GRPOConfig,
    OptimizerConfig,
    PretrainConfig,
    TextSource,
    grpo,
    load_model,
    pretrain,
    read_metrics,
)
from ptgraph.models.training.checkpoint import load_checkpoint
from ptgraph.models.training.corpus import write_corpus

Config = TypeVar("Config", PretrainConfig, GRPOConfig)
Run = Callable[..., Path]

PRETRAINING = PretrainConfig(
    preset="nano",
    steps=10,
    batch_size=2,
    accumulation=2,
    sequence_length=32,
    evaluate_every=4,
    evaluation_batches=2,
    held_out_documents=20,
    checkpoint_every=5,
    optimizer=OptimizerConfig(warmup_steps=3, embedding_scale=0.5),
)
REINFORCEMENT = GRPOConfig(
    preset="nano",
    steps=10,
    prompts=4,
    group_size=6,
    max_new_tokens=3,
    checkpoint_every=5,
    optimizer=OptimizerConfig(peak=1e-3, warmup_steps=2, weight_decay=0.0),
)


class Interrupted(Exception):
    """What stops a run in these tests."""


def stop_at(step: int) -> Callable[[str, int, dict[str, float]], None]:
    """A `report` that ends the run in the middle of a step: after its metrics, before its checkpoint."""

    def report(title: str, steps: int, metrics: dict[str, float]) -> None:
        if metrics["step"] == step:
            raise Interrupted

    return report


@pytest.fixture(scope="module", autouse=True)
def one_thread_for_all() -> Iterator[None]:
    """Sums are in the same order only if as many threads make them, in the runs that tests share too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[TextSource]:
    folder = tmp_path_factory.mktemp("corpus")
    files = write_corpus(folder, 60, seed=0)
    return [TextSource(str(files["stories"])), TextSource(str(files["answers"]), probability=3.0)]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, sources: list[TextSource]) -> Path:
    """A model that knows enough to answer with a number, now and then with the right one."""
    folder = tmp_path_factory.mktemp("start")
    pretrain(replace(PRETRAINING, steps=60, batch_size=8, accumulation=1, checkpoint_every=60), folder, sources)
    return folder


@pytest.fixture(scope="module", params=["pretrain", "grpo"])
def kind(request: pytest.FixtureRequest, sources: list[TextSource], start: Path) -> tuple[Run, Any]:
    """A way to run, and its config."""
    if request.param == "pretrain":
        return lambda config, folder, **options: pretrain(config, folder, sources, **options), PRETRAINING
    return lambda config, folder, **options: grpo(config, folder, start, **options), REINFORCEMENT


@pytest.fixture(scope="module")
def straight(kind: tuple[Run, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ten steps without an interruption."""
    run, config = kind
    folder = tmp_path_factory.mktemp("straight")
    assert run(config, folder) == folder / "metrics.jsonl"
    return folder


def assert_same(left: Any, right: Any, where: str = "") -> None:
    """Two checkpoints are equal in every bit."""
    assert type(left) is type(right), where
    if isinstance(left, torch.Tensor):
        assert left.dtype == right.dtype, where
        assert left.equal(right), where
    elif isinstance(left, dict):
        assert left.keys() == right.keys(), where
        for key in left:
            assert_same(left[key], right[key], f"{where}/{key}")
    elif isinstance(left, list | tuple):
        assert len(left) == len(right), where
        for index, (a, b) in enumerate(zip(left, right, strict=True)):
            assert_same(a, b, f"{where}/{index}")
    else:
        assert left == right, where


def assert_same_runs(folder: Path, straight: Path) -> None:
    assert (folder / "metrics.jsonl").read_text() == (straight / "metrics.jsonl").read_text()
    for step in (5, 10):
        name = f"step-{step:06d}.pt"
        if (folder / name).exists() or step == 10:
            assert_same(load_checkpoint(folder / name), load_checkpoint(straight / name))


def steps_of(folder: Path) -> list[float]:
    return [step["step"] for step in read_metrics(folder / "metrics.jsonl")]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_run_learns_and_says_how(straight: Path, kind: tuple[Run, Any]) -> None:
    """What resuming is compared with: a run in which all that can change does."""
    config = kind[1]
    assert steps_of(straight) == list(range(1, 11))
    metrics = read_metrics(straight / "metrics.jsonl")
    assert all(step["gradient_norm"] > 0 for step in metrics[1:])
    assert len({step["loss"] for step in metrics}) > 5
    first, last = (load_checkpoint(straight / f"step-{step:06d}.pt") for step in (5, 10))
    for name, weight in first["model"].items():
        assert not weight.equal(last["model"][name]), name
    assert last["config"] == json.loads(json.dumps(last["config"]))
    assert last["done"] == 10
    if config is REINFORCEMENT:
        assert 0 < sum(step["reward"] for step in metrics) < 10
        assert any(step["kl"] > 0 for step in metrics)
        assert not first["generator"].equal(last["generator"])
    else:
        assert [step["step"] for step in metrics if "held_out_loss" in step] == [4, 8, 10]
        assert metrics[-1]["loss"] < metrics[0]["loss"]


@pytest.mark.parametrize("step", [3, 5, 6, 9, 10])
def test_an_interrupted_run_goes_on_bit_for_bit(
    kind: tuple[Run, Any], straight: Path, tmp_path: Path, step: int
) -> None:
    """Stopped before the first checkpoint, right before a checkpoint is written, and after one."""
    run, config = kind
    with pytest.raises(Interrupted):
        run(config, tmp_path, report=stop_at(step))
    assert steps_of(tmp_path) == list(range(1, step + 1))
    assert (tmp_path / "step-000005.pt").exists() is (step > 5)
    titles = []
    run(config, tmp_path, resume=True, report=lambda title, steps, metrics: titles.append((steps, metrics["step"])))
    assert titles == [(10, number) for number in range(6 if step > 5 else 1, 11)]
    assert_same_runs(tmp_path, straight)


def test_metrics_are_cut_back_to_the_checkpoint(kind: tuple[Run, Any], straight: Path, tmp_path: Path) -> None:
    run, config = kind
    for step in (8, 6, 9):
        with pytest.raises(Interrupted):
            run(config, tmp_path, resume=True, report=stop_at(step))
        assert steps_of(tmp_path) == list(range(1, step + 1))
    lines = (straight / "metrics.jsonl").read_text().splitlines()
    assert (tmp_path / "metrics.jsonl").read_text().splitlines() == lines[:9]


def test_if_the_newest_checkpoint_is_cut_the_one_before_is_used(
    kind: tuple[Run, Any], straight: Path, tmp_path: Path
) -> None:
    run, config = kind
    often = replace(config, checkpoint_every=2)
    with pytest.raises(Interrupted):
        run(often, tmp_path, report=stop_at(7))
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["step-000004.pt", "step-000006.pt"]
    cut(tmp_path / "step-000006.pt")
    resumed = []
    with pytest.warns(UserWarning, match=r"step-000006\.pt is cut off.*the one before is used"):
        run(often, tmp_path, resume=True, report=lambda title, steps, metrics: resumed.append(metrics["step"]))
    assert resumed == list(range(5, 11))
    assert (tmp_path / "metrics.jsonl").read_text() == (straight / "metrics.jsonl").read_text()
    left, right = (load_checkpoint(folder / "step-000010.pt") for folder in (tmp_path, straight))
    assert left.pop("config") == right.pop("config") | {"checkpoint_every": 2}
    assert_same(left, right)


def test_if_all_checkpoints_are_cut_the_run_is_left_as_it_is(kind: tuple[Run, Any], tmp_path: Path) -> None:
    run, config = kind
    with pytest.raises(Interrupted):
        run(config, tmp_path, report=stop_at(7))
    cut(tmp_path / "step-000005.pt")
    with pytest.raises(CheckpointError, match=r"step-000005\.pt is cut off"):
        run(config, tmp_path, resume=True)
    assert steps_of(tmp_path) == list(range(1, 8))


def test_a_folder_that_holds_a_run_is_refused(kind: tuple[Run, Any], straight: Path) -> None:
    run, config = kind
    before = (straight / "metrics.jsonl").read_bytes()
    with pytest.raises(ValueError, match="holds a run already; resume it, or start in another folder"):
        run(config, straight)
    assert (straight / "metrics.jsonl").read_bytes() == before


def test_checkpoints_alone_are_a_run_too(kind: tuple[Run, Any], tmp_path: Path) -> None:
    """Else a new run's checkpoints would be taken for older ones than those that are there."""
    run, config = kind
    (tmp_path / "step-000099.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="holds a run already"):
        run(config, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000099.pt"]


def test_a_line_of_metrics_that_is_not_whole_is_left_out(kind: tuple[Run, Any], straight: Path, tmp_path: Path) -> None:
    run, config = kind
    with pytest.raises(Interrupted):
        run(config, tmp_path, report=stop_at(7))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')
    run(config, tmp_path, resume=True)
    assert_same_runs(tmp_path, straight)


def test_other_sources_of_text_are_refused(tmp_path: Path) -> None:
    one, other = write_corpus(tmp_path, 100, seed=1).values()
    config = replace(PRETRAINING, steps=1)
    pretrain(config, tmp_path / "run", [TextSource(str(one))])
    with pytest.raises(ValueError, match=r"was made with sources=.*stories-1\.jsonl"):
        pretrain(config, tmp_path / "run", [TextSource(str(other))], resume=True)


def test_another_config_is_refused_and_the_difference_named(kind: tuple[Run, Any], straight: Path) -> None:
    run, config = kind
    before = (straight / "metrics.jsonl").read_bytes()
    with pytest.raises(ValueError, match=r"step-000010\.pt was made with seed=0; resume with the same") as error:
        run(replace(config, seed=1), straight, resume=True)
    assert "optimizer" not in str(error.value)
    other = replace(config, optimizer=replace(config.optimizer, peak=0.5))
    with pytest.raises(ValueError, match=rf"was made with optimizer=.*'peak': {config.optimizer.peak}"):
        run(other, straight, resume=True)
    assert (straight / "metrics.jsonl").read_bytes() == before


def test_a_finished_run_is_done_and_can_be_made_longer(kind: tuple[Run, Any], tmp_path: Path) -> None:
    run, config = kind
    short = replace(config, steps=3)
    run(short, tmp_path)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    run(short, tmp_path, resume=True, report=stop_at(1))  # takes no step
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
    run(replace(config, steps=4), tmp_path, resume=True)
    assert steps_of(tmp_path) == [1, 2, 3, 4]


def test_the_model_of_a_run_is_that_of_its_newest_checkpoint(start: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, tokenizer = load_model(start, "nano")
    assert_same(dict(model.state_dict()), dict(load_checkpoint(start / "step-000060.pt")["model"]))
    assert tokenizer.get_vocab_size() == model.config.vocab_size


def test_a_run_of_grpo_can_be_gone_on_from_by_another(start: Path, tmp_path: Path) -> None:
    config = replace(REINFORCEMENT, steps=1)
    grpo(config, tmp_path / "one", start)
    grpo(replace(config, task="multiple-choice", max_new_tokens=2), tmp_path / "two", tmp_path / "one")
    reference = load_checkpoint(tmp_path / "two" / "step-000001.pt")["reference"]
    for name, weight in load_model(tmp_path / "one", "nano")[0].state_dict().items():
        assert weight.equal(reference[name]), name


def test_a_model_that_is_not_there_is_said_to_be_missing(start: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint in"):
        load_model(tmp_path, "nano")
    with pytest.raises(CheckpointError, match="is of the preset 'nano', not 'tiny'"):
        load_model(start, "tiny")


def test_without_sources_the_text_is_made_here(tmp_path: Path) -> None:
    config = replace(PRETRAINING, steps=1, accumulation=1)
    pretrain(config, tmp_path)
    assert sorted(path.name for path in (tmp_path / "corpus").iterdir()) == ["answers-0.jsonl", "stories-0.jsonl"]
    assert steps_of(tmp_path) == [1]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("preset", "huge", "no preset 'huge'; choose from nano"),
        *(
            (name, 0, f"{name} is 0")
            for name in ("steps", "batch_size", "accumulation", "sequence_length", "evaluate_every", "checkpoint_every")
        ),
    ],
)
def test_a_config_says_what_is_wrong(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PretrainConfig(**{field: value})
