"""`ptgraph train` and `ptgraph pipeline`: real runs of a step or two, and one clear line for all that goes wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ptgraph.cli.main import main
from ptgraph.models.training import read_metrics


def invoke(*args: str) -> Result:
    return CliRunner().invoke(main, args)


def ran(*args: str) -> str:
    """Run a command that succeeds without a word on stderr; return what it prints."""
    result = invoke(*args)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def refused(code: int, *args: str) -> str:
    """Run a command that fails with this exit code; return its one line."""
    result = invoke(*args)
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.startswith("ptgraph: error: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pretraining run of two steps."""
    folder = tmp_path_factory.mktemp("pretrained") / "run"
    text = ran("train", "pretrain", "--steps", "2", "-o", str(folder))
    lines = dict(line.split("\t") for line in text.splitlines())
    first, last = read_metrics(folder / "metrics.jsonl")
    assert list(lines) == [str(folder / "metrics.jsonl"), "loss", "held_out_loss", "unigram_entropy"]
    assert lines["loss"] == f"{first['loss']:.4g} → {last['loss']:.4g}"
    return folder


@pytest.fixture
def run(pretrained: Path, tmp_path: Path) -> Path:
    """A copy of that run, to be changed."""
    return Path(shutil.copytree(pretrained, tmp_path / "copy"))


def test_a_run_is_a_folder_with_metrics_checkpoints_and_tokenizer(pretrained: Path) -> None:
    assert {"metrics.jsonl", "step-000002.pt", "tokenizer.json"} <= {path.name for path in pretrained.iterdir()}
    assert [step["step"] for step in read_metrics(pretrained / "metrics.jsonl")] == [1, 2]


def test_a_run_is_resumed_where_it_stopped(run: Path) -> None:
    before = read_metrics(run / "metrics.jsonl")
    ran("train", "pretrain", "--steps", "3", "-o", str(run), "--resume")
    after = read_metrics(run / "metrics.jsonl")
    assert after[:2] == before
    assert [step["step"] for step in after] == [1, 2, 3]


def test_grpo_starts_from_a_pretraining_run(pretrained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "grpo"
    task = "multiple-choice"
    text = ran("train", "grpo", "--from", str(pretrained), "--steps", "1", "--task", task, "-o", str(folder), "-q")
    (step,) = read_metrics(folder / "metrics.jsonl")
    assert 0 <= step["reward"] <= 1
    assert f"reward\t{step['reward']:.4g}\n" in text
    assert not (folder / "pretrain").exists()


def test_text_of_ones_own_is_learnt_from(tmp_path: Path) -> None:
    for name, word in (("a=b.jsonl", "yes "), ("c.jsonl", "no ")):
        (tmp_path / name).write_text("".join(json.dumps({"text": word * 40}) + "\n" for _ in range(300)))
    data = "--data", str(tmp_path / "a=b.jsonl"), "--data", f"{tmp_path / 'c.jsonl'}=3"
    ran("train", "pretrain", "--steps", "1", *data, "-o", str(tmp_path / "run"))
    assert not (tmp_path / "run" / "corpus").exists()


def test_another_seed_gives_another_run(pretrained: Path, tmp_path: Path) -> None:
    ran("train", "pretrain", "--steps", "1", "--seed", "1", "-o", str(tmp_path / "run"))
    (step,) = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert step["loss"] != read_metrics(pretrained / "metrics.jsonl")[0]["loss"]


def test_a_newer_checkpoint_that_is_damaged_is_passed_over_with_a_warning(run: Path) -> None:
    newer = run / "step-000003.pt"
    newer.write_bytes((run / "step-000002.pt").read_bytes()[:5000])
    result = invoke("train", "pretrain", "--steps", "2", "-o", str(run), "--resume")
    assert result.exit_code == 0
    assert result.stderr == (
        f"ptgraph: warning: {newer} is cut off, damaged or no checkpoint (5,000 bytes); the one before is used\n"
    )


def test_a_run_whose_only_checkpoint_is_damaged_is_refused(run: Path, tmp_path: Path) -> None:
    file = run / "step-000002.pt"
    file.write_bytes(file.read_bytes()[:5000])
    message = f"{file} is cut off, damaged or no checkpoint (5,000 bytes)"
    assert message in refused(3, "train", "pretrain", "--steps", "3", "-o", str(run), "--resume")
    assert message in refused(3, "train", "grpo", "--from", str(run), "--steps", "1", "-o", str(tmp_path / "grpo"))


def test_a_run_that_is_there_is_not_overwritten(run: Path) -> None:
    before = (run / "metrics.jsonl").read_bytes()
    assert "holds a run already; resume it" in refused(2, "train", "pretrain", "--steps", "2", "-o", str(run))
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_run_is_not_resumed_with_another_config(run: Path) -> None:
    message = refused(2, "train", "pretrain", "--steps", "3", "--seed", "5", "-o", str(run), "--resume")
    assert "was made with seed=0" in message


@pytest.mark.parametrize(
    ("code", "args", "message"),
    [
        (2, ["train", "pretrain", "--preset", "huge"], "there is no preset 'huge'; choose from nano, tiny"),
        (2, ["train", "grpo", "--preset", "huge"], "there is no preset 'huge'; choose from nano, tiny"),
        (2, ["train", "grpo", "--task", "chess"], "there is no task 'chess'; choose from arithmetic"),
        (2, ["train", "pretrain", "--steps", "-1"], "'--steps': -1 is not in the range x>=1"),
        (2, ["train", "pretrain", "--steps", "many"], "'many' is not a valid integer"),
        (2, ["train", "pretrain", "--seed", "-1"], "'--seed': -1 is not in the range x>=0"),
        (
            2,
            ["train", "pretrain", "--data", "text.csv"],
            "a source is a .jsonl or .parquet file, or one of fineweb-edu",
        ),
        (2, ["train", "pretrain", "--data", "gsm8k=lots"], "the weight 'lots' is not a number"),
        (2, ["train", "pretrain", "--data", "gsm8k=0"], "the weight 0 is not positive"),
        (2, ["train", "pretrain", "--data", "gsm8k=nan"], "the weight nan is not positive"),
        (3, ["train", "pretrain", "--data", "missing.jsonl"], "missing.jsonl does not exist"),
        (3, ["train", "grpo", "--from", "nowhere"], "there is no checkpoint in nowhere"),
        (2, ["train", "sft"], "No such command 'sft'"),
        (2, ["pipeline", "sft"], "'sft' is not one of 'pretrain', 'grpo'"),
        (2, ["pipeline", "grpo", "--preset", "huge"], "there is no preset 'huge'"),
        (2, ["pipeline", "grpo", "-f", "jpeg"], "unknown format 'jpeg'"),
    ],
)
def test_a_wrong_argument_gives_one_clear_line_and_leaves_nothing(
    workdir: Path, code: int, args: list[str], message: str
) -> None:
    assert message in refused(code, *args)
    assert list(workdir.iterdir()) == []


def test_text_that_cannot_be_read_is_named(workdir: Path) -> None:
    (workdir / "fields.jsonl").write_text('{"body": "x"}\n')
    (workdir / "broken.jsonl").write_text('{"text": \n')
    (workdir / "empty.jsonl").write_text('{"text": "only one"}\n')
    command = "train", "pretrain", "--steps", "1"
    assert "fields.jsonl has no field 'text'; its fields are body" in refused(3, *command, "--data", "fields.jsonl")
    assert "empty.jsonl has no text beyond the first 200" in refused(2, *command, "--data", "empty.jsonl")
    assert "--data broken.jsonl: JSON parse error" in refused(3, *command, "--data", "broken.jsonl")


def test_a_set_on_the_hub_takes_a_network(cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    result = cli("train", "pretrain", "--data", "gsm8k", HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path / "hub"))
    assert (result.returncode, result.stdout) == (3, "")
    (line,) = result.stderr.splitlines()
    assert "openai/gsm8k" in line
    assert "a set on the hub takes a network" in line


def test_a_folder_that_is_a_file_is_refused(workdir: Path) -> None:
    (workdir / "taken").write_text("")
    assert "taken" in refused(5, "train", "pretrain", "--steps", "1", "-o", "taken")
    assert "taken" in refused(5, "pipeline", "pretrain", "-o", "taken")


def test_a_pipeline_is_written_by_a_process_that_says_nothing_else(
    cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    result = cli("pipeline", "grpo", "-f", "svg", "--times")
    assert (result.returncode, result.stderr) == (0, "")
    assert [line.partition("\t")[0] for line in result.stdout.splitlines()] == ["exports/grpo.svg"]
    assert " ms</text>" in (tmp_path / "exports" / "grpo.svg").read_text("utf-8")


def test_a_pipeline_has_no_onnx(workdir: Path) -> None:
    assert "pretrain has no ONNX: it is a pipeline" in refused(5, "pipeline", "pretrain", "-f", "onnx")
