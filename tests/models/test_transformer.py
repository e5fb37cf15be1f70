"""The whole model: its logits, its loss, its cache and its text."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import ptgraph.models
from ptgraph.models import KVCache, TransformerLM, build
from tests.models.small import make, tokens


@pytest.mark.parametrize("shape", [(1, 1), (1, 48), (3, 7)])
def test_forward_gives_a_logit_for_every_token(model: TransformerLM, shape: tuple[int, int]) -> None:
    logits = model(tokens(*shape))
    assert logits.shape == (*shape, model.config.vocab_size)
    assert logits.isfinite().all()


def test_int32_tokens_are_tokens_too(model: TransformerLM) -> None:
    assert model(tokens().int()).equal(model(tokens()))


def test_half_precision_stays_half(model: TransformerLM) -> None:
    expected, model = model(tokens()), model.bfloat16()
    assert model(tokens()).dtype == torch.bfloat16
    assert model.generate(tokens(1, 4), 3).shape == (1, 7)
    if model.config.attention == "dense":  # a sparse model may round its way to other keys
        error = (model(tokens()).float() - expected).norm() / expected.norm()
        assert error < 0.1


@pytest.mark.parametrize("position", [0, 9, 18])
def test_the_future_changes_nothing(model: TransformerLM, position: int) -> None:
    ids = tokens(1, 20)
    changed = ids.clone()
    changed[:, position + 1 :] = (changed[:, position + 1 :] + 7) % model.config.vocab_size
    before, after = model(ids), model(changed)
    torch.testing.assert_close(before[:, : position + 1], after[:, : position + 1])
    assert not torch.allclose(before[:, position + 1], after[:, position + 1])


def test_loss_is_the_cross_entropy_of_labels_already_shifted() -> None:
    model, text = make(), tokens(2, 21)
    ids, labels = text[:, :-1], text[:, 1:].clone()
    labels[0, 3:9] = -100
    output = model(ids, labels=labels)
    likelihood = model(ids).log_softmax(-1).gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(output.loss, -likelihood[labels != -100].mean())
    torch.testing.assert_close(output.loss, F.cross_entropy(output.logits.mT, labels))
    torch.testing.assert_close(output.logits, model(ids))
    assert output.index_loss is None


def test_every_parameter_learns(model: TransformerLM) -> None:
    model(tokens(), labels=tokens(seed=2)).loss.backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize("parts", [[1] * 20, [20], [7, 1, 1, 11], [1, 19]])
def test_the_cache_changes_nothing(model: TransformerLM, parts: list[int]) -> None:
    ids, cache = tokens(2, 20), KVCache(model.config.num_layers)
    logits = torch.cat([model(part, cache=cache) for part in ids.split(parts, dim=1)], dim=1)
    assert cache.length == 20
    torch.testing.assert_close(logits, model(ids), atol=1e-4, rtol=1e-4)


def test_greedy_generation_is_the_argmax_without_a_cache(model: TransformerLM) -> None:
    expected = prompt = tokens(2, 5)
    for _ in range(30):
        expected = torch.cat((expected, model(expected)[:, -1:].argmax(-1)), dim=1)
    generated = model.generate(prompt, 30, temperature=0)
    assert generated.equal(expected)
    assert len(generated[:, 5:].unique()) > 3  # a model that repeats one token would prove little


def test_generation_is_repeatable_with_a_generator(model: TransformerLM) -> None:
    def draw(seed: int) -> torch.Tensor:
        return model.generate(tokens(), 20, temperature=2.0, generator=torch.Generator().manual_seed(seed))

    state = torch.get_rng_state()
    assert draw(3).equal(draw(3))
    assert not draw(3).equal(draw(4))
    assert torch.get_rng_state().equal(state)


def test_top_k_draws_among_the_likeliest(model: TransformerLM) -> None:
    prompt = tokens(1, 5).expand(200, 5)
    likeliest = set(model(prompt[:1])[0, -1].topk(3).indices.tolist())
    generator = torch.Generator().manual_seed(0)
    drawn = model.generate(prompt, 1, temperature=50.0, top_k=3, generator=generator)[:, -1]
    assert set(drawn.tolist()) == likeliest
    assert model.generate(prompt, 3, top_k=1).equal(model.generate(prompt, 3, temperature=0))


def test_draws_follow_the_temperature() -> None:
    model, temperature = make(), 3.0
    prompt = tokens(1, 5)
    expected = (model(prompt)[0, -1] / temperature).softmax(-1)
    generator = torch.Generator().manual_seed(0)
    drawn = model.generate(prompt.expand(4000, 5), 1, temperature=temperature, generator=generator)[:, -1]
    frequency = drawn.bincount(minlength=model.config.vocab_size) / 4000
    assert (frequency - expected).abs().max() < 0.03
    assert (frequency - model(prompt)[0, -1].softmax(-1)).abs().max() > 0.03


@pytest.mark.parametrize("training", [True, False])
def test_generation_leaves_the_mode_and_the_gradients_alone(model: TransformerLM, training: bool) -> None:
    model.train(training)
    assert not model.generate(tokens(), 2).requires_grad
    assert all(module.training is training for module in model.modules())
    assert torch.is_grad_enabled()
    assert model(tokens()).requires_grad


def test_a_tied_head_shares_its_storage_and_counts_once() -> None:
    free, tied = make(), make(tie_embeddings=True)
    assert tied.head.weight is tied.embedding.weight
    assert free.head.weight.data_ptr() != free.embedding.weight.data_ptr()
    assert free.num_parameters() - tied.num_parameters() == tied.embedding.weight.numel()


def test_a_meta_model_comes_to_life_tied() -> None:
    with torch.device("meta"):
        model = make(tie_embeddings=True)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert not list(model.buffers())
    model.to_empty(device="cpu").init_weights()
    assert model.head.weight is model.embedding.weight
    assert model(tokens()).isfinite().all()


def test_initial_weights_have_their_spread() -> None:
    torch.manual_seed(0)
    model = build("tiny", vocab_size=256, num_layers=2, attention="sparse")
    for name, parameter in model.named_parameters():
        shrink = 0.5 if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.0  # 1 / √(2 · 2 layers)
        assert parameter.std().item() == pytest.approx(0.02 * shrink, rel=0.05), name
    # An untrained model knows nothing: every token is about as likely as any other.
    ids = torch.randint(256, (2, 64))
    assert model(ids, labels=ids.roll(1)).logits.log_softmax(-1).mean().item() == pytest.approx(
        -torch.tensor(256.0).log().item(), rel=0.05
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_ids": tokens().float()}, "float32.*int64"),
        ({"input_ids": tokens()[0]}, r"\[20\].*\[batch, sequence\]"),
        ({"input_ids": tokens(1, 49)}, "length 49.*context_length is 48"),
        ({"input_ids": tokens(), "labels": tokens(2, 19)}, r"labels.*\[2, 19\].*\[2, 20\]"),
        ({"input_ids": tokens(), "labels": tokens(), "cache": KVCache(3)}, "labels and cache"),
    ],
)
def test_forward_says_what_is_wrong(model: TransformerLM, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model(**arguments)


def test_the_cache_counts_towards_the_context(model: TransformerLM) -> None:
    cache = KVCache(model.config.num_layers)
    model(tokens(1, 40), cache=cache)
    with pytest.raises(ValueError, match=r"length 49.*context_length is 48"):
        model(tokens(1, 9), cache=cache)
    assert model(tokens(1, 8), cache=cache).shape[1] == 8


@pytest.mark.parametrize(
    ("prompt", "new", "options", "message"),
    [
        (tokens(1, 40), 9, {}, "40 tokens.*max_new_tokens=9.*context_length is 48"),
        (tokens(1, 0), 1, {}, "empty"),
        (tokens(1, 4), -1, {}, "max_new_tokens is -1"),
        (tokens(1, 4), 1, {"temperature": -0.5}, "temperature is -0.5"),
        (tokens(1, 4), 1, {"top_k": 0}, "top_k is 0"),
    ],
)
def test_generate_says_what_is_wrong(prompt: torch.Tensor, new: int, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make().generate(prompt, new, **options)


def test_every_class_has_a_category_and_every_public_method_a_docstring() -> None:
    categories = {"Core architecture", "Attention", "Layers & blocks"}
    classes = [value for value in vars(ptgraph.models).values() if inspect.isclass(value)]
    assert TransformerLM in classes
    for cls in classes:
        assert vars(cls)["category"] in categories, cls
        assert inspect.getdoc(cls), cls
        for name, member in vars(cls).items():
            if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                assert member.__doc__, f"{cls.__name__}.{name}"


def test_the_package_stands_alone() -> None:
    """Nothing but torch, the standard library and relative imports."""
    for path in Path(ptgraph.models.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert node.module and node.module.split(".")[0] != "ptgraph", path
            if isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] != "ptgraph" for alias in node.names), path
