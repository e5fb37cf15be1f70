"""Sparse attention: what the indexer chooses, and what it learns from."""

import math

import pytest
import torch

from ptgraph.models import KVCache, LightningIndexer, TransformerLM
from tests.models.small import make, tokens
from tests.models.test_attention import plain_norm, plain_rope


def indexer_parameters(model: TransformerLM) -> dict[str, torch.nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if ".indexer." in name}


def test_scores_are_the_papers_formula() -> None:
    model = make(attention="sparse")
    indexer, theta = model.layers[0].indexer, model.config.rope_theta
    x = torch.randn(2, 11, model.config.hidden_size)
    key = plain_norm(plain_rope(x @ indexer.k_proj.weight.T, theta), indexer.k_norm.eps)
    weights = x @ indexer.weight_proj.weight.T / math.sqrt(indexer.heads * indexer.head_dim)
    expected = torch.zeros(2, 11, 11)
    for head, weight in enumerate(indexer.q_proj.weight.split(indexer.head_dim)):
        expected += weights[..., head, None] * (plain_rope(x @ weight.T, theta) @ key.mT).relu()
    scores = indexer.score(x, model.index_rope(x))
    past = torch.ones(11, 11, dtype=torch.bool).tril()
    torch.testing.assert_close(scores[:, past], expected[:, past], atol=1e-5, rtol=1e-4)
    assert (scores[:, ~past] == -math.inf).all()


def test_the_chosen_are_the_top_k_of_the_past() -> None:
    model = make(attention="sparse", index_top_k=5)
    indexer: LightningIndexer = model.layers[0].indexer
    x = torch.randn(3, 40, model.config.hidden_size)
    scores = indexer.score(x, model.index_rope(x))
    chosen = indexer(x, model.index_rope(x))
    ties = 0
    for row, mask in zip(scores.flatten(0, 1), chosen.flatten(0, 1), strict=True):
        past = int((row > -math.inf).sum())
        # Best first; among equals the later key first.
        order = sorted(range(past), key=lambda key: (row[key].item(), key), reverse=True)
        assert mask.nonzero().flatten().tolist() == sorted(order[:5])
        ties += past > 5 and row[order[4]] == row[order[5]]
    assert ties  # the order among equals was put to the test


def test_attention_reads_the_chosen_keys_and_no_other() -> None:
    """The keys that the last query reads are those through which its output has a gradient."""
    model = make(attention="sparse", num_layers=1, index_top_k=4)
    block = model.layers[0]
    x = torch.randn(2, 20, model.config.hidden_size, requires_grad=True)
    mask = block.indexer(x, model.index_rope(x))
    block.attention(x, model.rope(x), mask.unsqueeze(1))[:, -1].sum().backward()
    read = x.grad.any(dim=-1)
    chosen = mask[:, -1]
    chosen[:, -1] = True  # the query itself depends on its own token, chosen or not
    assert read.equal(chosen)
    assert (read.sum(dim=-1) <= 5).all()


def test_the_block_attends_to_what_its_indexer_chose() -> None:
    """Rewriting the values of every token that is not chosen leaves the block's output as it was."""
    model = make(attention="sparse", num_layers=1, index_top_k=4)
    block = model.layers[0]
    hidden = torch.randn(1, 20, model.config.hidden_size)
    rotations = model.rope(hidden), model.index_rope(hidden)
    chosen = block.indexer(block.attention_norm(hidden), rotations[1])[0, -1]
    before = block(hidden, *rotations)[0, -1]

    def rewrite(positions: torch.Tensor) -> torch.Tensor:
        hook = block.attention.v_proj.register_forward_hook(
            lambda module, args, values: torch.where(positions[:, None], 100.0, values)
        )
        after: torch.Tensor = block(hidden, *rotations)[0, -1]
        hook.remove()
        return after

    torch.testing.assert_close(rewrite(~chosen), before)
    assert not torch.allclose(rewrite(chosen), before)


@pytest.mark.parametrize("top_k", [20, 21, 100])
def test_choosing_every_key_is_dense_attention(top_k: int) -> None:
    dense, sparse = make(), make(attention="sparse", index_top_k=top_k)
    missing = sparse.load_state_dict(dense.state_dict(), strict=False).missing_keys
    assert set(missing) == indexer_parameters(sparse).keys()
    torch.testing.assert_close(sparse(tokens()), dense(tokens()), atol=1e-5, rtol=1e-5)


def test_choosing_few_keys_is_not_dense_attention() -> None:
    dense, sparse = make(), make(attention="sparse", index_top_k=2)
    sparse.load_state_dict(dense.state_dict(), strict=False)
    assert not torch.allclose(sparse(tokens()), dense(tokens()), atol=1e-2)


def test_index_loss_teaches_the_indexer_and_nothing_else() -> None:
    model = make(attention="sparse")
    model(tokens(), labels=tokens(seed=2)).index_loss.backward()
    taught = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert taught == indexer_parameters(model).keys()
    assert all(parameter.grad.abs().sum() > 0 for parameter in indexer_parameters(model).values())


def test_cross_entropy_teaches_everything_else_as_if_there_were_no_index_loss() -> None:
    gradients = []
    for weight in (0.0, 3.0):
        model = make(attention="sparse", index_loss_weight=weight)
        model(tokens(), labels=tokens(seed=2)).loss.backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if n not in indexer_parameters(model)})
        indexer_moves = any(p.grad.any() for p in indexer_parameters(model).values())
        assert indexer_moves == (weight > 0)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name])


def test_index_loss_is_the_kl_divergence_and_is_added_with_its_weight() -> None:
    model = make(attention="sparse", num_layers=1, index_loss_weight=0.5)
    block, ids = model.layers[0], tokens()
    hidden = model.embedding(ids)
    rotation, x = model.rope(hidden), block.attention_norm(hidden)
    scores = block.indexer.score(x, model.index_rope(hidden))
    mask = block.indexer.select(scores)
    target = block.attention.probabilities(x, rotation, mask.unsqueeze(1))
    torch.testing.assert_close(target.sum(-1), torch.ones(ids.shape))
    assert not target[~mask].any()
    expected = torch.zeros(())
    for row in range(ids.shape[0]):
        for query in range(ids.shape[1]):
            p = target[row, query][mask[row, query]]
            q = scores[row, query][mask[row, query]].softmax(-1)
            expected += (p * (p / q).log()).sum() / ids.numel()
    output = model(ids, labels=tokens(seed=2))
    torch.testing.assert_close(output.index_loss, expected)
    cross_entropy = torch.nn.functional.cross_entropy(output.logits.mT, tokens(seed=2))
    torch.testing.assert_close(output.loss, cross_entropy + 0.5 * output.index_loss)


def test_index_loss_falls_when_the_indexer_is_trained() -> None:
    model, ids = make(attention="sparse", index_top_k=48), tokens(4, 24)
    optimizer = torch.optim.Adam(indexer_parameters(model).values(), lr=1e-2)
    losses = []
    for _ in range(20):
        loss = model(ids, labels=ids).index_loss
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.7 * losses[0]


def test_the_cache_keeps_the_index_keys() -> None:
    model = make(attention="sparse")
    cache = KVCache(model.config.num_layers)
    model(tokens(2, 7), cache=cache)
    shape = cache.layers[-1].tensors["index_keys"].shape
    assert shape == (2, 7, model.config.index_head_dim)


def test_a_dense_block_has_no_index_loss() -> None:
    model = make()
    hidden = torch.randn(1, 4, model.config.hidden_size)
    with pytest.raises(ValueError, match="sparse"):
        model.layers[0].index_loss(hidden, model.rope(hidden), model.rope(hidden))
