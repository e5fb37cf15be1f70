"""GRPO, term by term, each against a few lines of plain arithmetic."""

import math
import statistics
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from ptgraph.models import TransformerLM
from ptgraph.models.training.grpo import (
    GRPOConfig,
    GRPOTrainer,
    advantages,
    grpo_loss,
    kl_estimate,
    policy_loss,
    repeat,
    reward,
    sample_prompts,
    sequence_mask,
)
from ptgraph.models.training.prompts import arithmetic
from ptgraph.models.training.rollout import Rollout, allowed_tokens, generate, token_log_probs
from ptgraph.models.training.tokenizer import END, train_tokenizer
from tests.models.small import make

PROMPTS = ["What is 1 + 2?", "How much", "What is 3 + 4?", "A", "And what is 12 + 34?"]  # three lengths and more


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(["What is it? How much is it?"] * 3, 270)


@pytest.fixture
def policy(tokenizer: Tokenizer) -> TransformerLM:
    return make(vocab_size=tokenizer.get_vocab_size())


# Advantages


REWARDS = [[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]


def test_an_advantage_is_what_a_reward_is_above_its_groups_mean() -> None:
    expected = [r - statistics.mean(group) for group in REWARDS for r in group]
    assert advantages(torch.tensor(REWARDS), normalize=False).tolist() == pytest.approx(expected)


def test_a_normalised_advantage_counts_in_standard_deviations() -> None:
    expected = [(r - statistics.mean(group)) / (statistics.stdev(group) + 1e-6) for group in REWARDS for r in group]
    found = advantages(torch.tensor(REWARDS), normalize=True)
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
    assert found[8:].tolist() == [0.0] * 8  # nothing to learn where all are the same


# The policy's loss


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "follows"),
    [
        (1.0, 2.0, -2.0, True),
        (1.1, 1.0, -1.1, True),
        (1.5, 1.0, -1.2, False),  # a good token that is likely enough already
        (0.5, 1.0, -0.5, True),  # a good token that has become unlikely is brought back
        (1.5, -1.0, 1.5, True),  # a bad token that has become likely too
        (0.9, -1.0, 0.9, True),
        (0.5, -1.0, 0.8, False),  # a bad token that is unlikely enough already
        (0.5, 0.0, 0.0, False),
    ],
)
def test_the_policy_loss_is_clipped_on_both_sides(ratio: float, advantage: float, loss: float, follows: bool) -> None:
    old = torch.tensor([[-1.3]], dtype=torch.float64)
    log_probs = (old + math.log(ratio)).requires_grad_()
    found = policy_loss(log_probs, old, torch.tensor([advantage], dtype=torch.float64), clip_ratio=0.2)
    assert found.item() == pytest.approx(loss)
    (gradient,) = torch.autograd.grad(found.sum(), log_probs)
    assert gradient.item() == pytest.approx(-ratio * advantage if follows else 0.0)


# The divergence from the reference


def distributions(outcomes: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of a policy, and log-probabilities of the one that sampled and of the reference."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, outcomes, generator=generator, dtype=torch.float64)
    return logits[0].requires_grad_(), logits[1].log_softmax(-1), logits[2].log_softmax(-1)


def exact_kl(logits: Tensor, reference: Tensor) -> Tensor:
    log_probs = logits.log_softmax(-1)
    return (log_probs.exp() * (log_probs - reference)).sum()


def test_the_kl_estimate_is_right_on_average_and_so_is_its_gradient() -> None:
    """Over all tokens that the *old* policy could have drawn, by its probabilities."""
    logits, old, reference = distributions()
    expectation = (old.exp() * kl_estimate(logits.log_softmax(-1), old, reference)).sum()
    exact = exact_kl(logits, reference)
    assert exact.item() > 0.1
    torch.testing.assert_close(expectation, exact)
    found, expected = (torch.autograd.grad(value, logits)[0] for value in (expectation, exact))
    torch.testing.assert_close(found, expected)
    assert expected.abs().max() > 0.05


def test_without_the_ratio_the_kl_estimate_would_be_wrong() -> None:
    """DeepSeekMath's is right in value on the policy's own samples only, and there its gradient is not."""
    logits, old, reference = distributions()
    difference = reference - logits.log_softmax(-1)
    unweighted = difference.exp() - difference - 1
    exact = exact_kl(logits, reference)
    assert (old.exp() * unweighted).sum().item() != pytest.approx(exact.item(), rel=0.05)
    own = (logits.softmax(-1).detach() * unweighted).sum()
    torch.testing.assert_close(own, exact)
    found, expected = (torch.autograd.grad(value, logits)[0] for value in (own, exact))
    assert not torch.allclose(found, expected, rtol=0.05)


def test_a_policy_that_is_its_reference_has_no_divergence() -> None:
    log_probs = torch.tensor([[-0.1, -2.0]], requires_grad=True)
    estimate = kl_estimate(log_probs, log_probs.detach() + 0.3, log_probs.detach())
    assert estimate.tolist() == [[0.0, 0.0]]
    assert torch.autograd.grad(estimate.sum(), log_probs)[0].tolist() == [[0.0, 0.0]]


# Which answers are learnt from


def test_bad_answers_that_are_far_off_policy_are_left_out() -> None:
    old = torch.tensor([[-1.0, -1.0, -9.0]] * 5)
    new = torch.tensor([[-2.0, -2.0, 0.0], [-2.0, -2.0, 0.0], [-1.4, -1.4, 0.0], [0.0, 0.0, -99.0], [-1.0, -1.6, 0.0]])
    mask = torch.tensor([[True, True, False]] * 5)
    advantage = torch.tensor([-1.0, 1.0, -1.0, -1.0, 0.0])
    # The mean of log(old / new) over the first two tokens is 1, 1, 0.4, -1 and 0.3.
    for limit, expected in (
        (0.5, [False, True, True, True, True]),
        (0.2, [False, True, False, True, True]),
        (1.5, [True] * 5),
    ):
        assert sequence_mask(new, old, mask, advantage, limit).tolist() == expected


# What may be drawn


def plainly_allowed(logits: list[float], top_k: int | None, top_p: float) -> list[bool]:
    total = sum(math.exp(logit) for logit in logits)
    order = sorted(range(len(logits)), key=lambda token: -logits[token])
    chosen, reached = set[int](), 0.0
    for token in order[:top_k]:
        if chosen and reached >= top_p:
            break
        chosen.add(token)
        reached += math.exp(logits[token]) / total
    return [token in chosen for token in range(len(logits))]


@pytest.mark.parametrize("top_p", [0.0, 0.3, 0.8, 0.99, 1.0])
@pytest.mark.parametrize("top_k", [None, 1, 3, 10, 99])
def test_the_sampler_may_draw_the_likeliest(top_k: int | None, top_p: float) -> None:
    logits = torch.randn(4, 6, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
    before = logits.clone()
    allowed = allowed_tokens(logits, top_k, top_p)
    assert allowed.shape == logits.shape
    for row, found in zip(logits.flatten(0, 1).tolist(), allowed.flatten(0, 1).tolist(), strict=True):
        assert found == plainly_allowed(row, top_k, top_p)
    assert logits.equal(before)


# Rollouts


def rollout_of(model: TransformerLM, tokenizer: Tokenizer, **options: Any) -> Rollout:
    return generate(model, PROMPTS, tokenizer, 9, generator=torch.Generator().manual_seed(0), **options)


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 2.5}, {"top_k": 3}, {"top_p": 0.6, "temperature": 1.7}, {"top_k": 20, "top_p": 0.9}]
)
def test_recorded_and_computed_log_probabilities_are_the_same(
    policy: TransformerLM, tokenizer: Tokenizer, options: dict[str, Any]
) -> None:
    """Token by token with a cache, and all at once with the kept sampling mask; for prompts of several lengths."""
    rollout = rollout_of(policy, tokenizer, **options)
    assert len(set(rollout.prompt_length.tolist())) >= 3
    computed = token_log_probs(policy, rollout, options.get("temperature", 1.0))
    torch.testing.assert_close(computed, rollout.log_probs, rtol=1e-4, atol=1e-4)
    assert computed.requires_grad
    assert (rollout.log_probs[rollout.mask] <= 0).all()
    assert rollout.log_probs.abs().max() > 0.1
    if options:  # without the mask, or at another temperature, they are others
        free = replace(rollout, allowed=torch.ones_like(rollout.allowed))
        assert not torch.allclose(token_log_probs(policy, free, 1.0), rollout.log_probs, atol=0.05)


def test_every_drawn_token_was_allowed_and_the_texts_are_theirs(policy: TransformerLM, tokenizer: Tokenizer) -> None:
    rollout = rollout_of(policy, tokenizer, top_k=3)
    for row, prompt in enumerate(PROMPTS):
        ids, start = tokenizer.encode(prompt).ids, int(rollout.prompt_length[row])
        count = int(rollout.mask[row].sum())
        drawn = rollout.tokens[row, start : start + count].tolist()
        assert rollout.tokens[row, :start].tolist() == ids
        assert [bool(rollout.allowed[row, index, token]) for index, token in enumerate(drawn)] == [True] * count
        assert rollout.allowed[row, :count].sum(dim=-1).tolist() == [3] * count
        assert rollout.completions[row] == tokenizer.decode(drawn)


def test_the_likeliest_completion_is_that_of_the_model_itself(policy: TransformerLM, tokenizer: Tokenizer) -> None:
    rollout = rollout_of(policy, tokenizer, top_k=1)
    for row, prompt in enumerate(PROMPTS):
        ids = torch.tensor([tokenizer.encode(prompt).ids])
        expected = policy.generate(ids, 9, temperature=0)[0]
        count = ids.shape[1] + int(rollout.mask[row].sum())
        assert rollout.tokens[row, :count].equal(expected[:count])
    assert rollout.log_probs.abs().max() == 0.0  # the only one allowed is certain


def test_an_answer_ends_with_its_first_end(policy: TransformerLM, tokenizer: Tokenizer) -> None:
    with torch.no_grad():
        policy.head.weight.zero_()  # every token as likely as any other
    generator = torch.Generator().manual_seed(0)
    rollout = generate(policy, PROMPTS * 40, tokenizer, 20, generator=generator)
    end, ended = tokenizer.token_to_id(END), 0
    for tokens, start, mask in zip(rollout.tokens, rollout.prompt_length.tolist(), rollout.mask.tolist(), strict=True):
        drawn = tokens[start : start + 20].tolist()
        count = drawn.index(end) + 1 if end in drawn else 20
        assert mask == [True] * count + [False] * (20 - count)
        assert tokens[start + count :].tolist() == [end] * (len(tokens) - start - count)
        ended += count < 20
    assert 0 < ended < len(rollout.tokens)
    assert not any(END in text for text in rollout.completions)
    torch.testing.assert_close(rollout.log_probs, rollout.mask * -math.log(policy.config.vocab_size))


def test_a_prompt_that_does_not_fit_is_refused(policy: TransformerLM, tokenizer: Tokenizer) -> None:
    longest = max(len(tokenizer.encode(prompt).ids) for prompt in PROMPTS)
    with pytest.raises(ValueError, match=rf"{longest} tokens and max_new_tokens=40 .*context_length=48"):
        generate(policy, PROMPTS, tokenizer, 40)


# Prompts and rewards


def test_answers_to_a_question_make_a_group() -> None:
    prompts = sample_prompts(arithmetic(0), 3)
    texts = repeat(prompts, 2)
    assert texts == [prompts[0].text] * 2 + [prompts[1].text] * 2 + [prompts[2].text] * 2
    right = [prompt.answer for prompt in prompts]
    completions = right[0], "none", "none", right[1], right[2], right[2]
    nothing = torch.zeros(6, 1)
    rollout = Rollout(nothing, nothing, nothing, nothing, nothing, completions)
    assert reward(prompts, rollout).tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]


# The loss


CONFIG = GRPOConfig(clip_ratio=0.2, kl_weight=0.3, off_policy_limit=0.5)


def terms(seed: int = 0) -> tuple[Tensor, Tensor, Rollout, Tensor]:
    """Log-probabilities, the reference's, a rollout and advantages of six answers of one to five tokens."""
    generator = torch.Generator().manual_seed(seed)
    old, new, reference = -torch.rand(3, 6, 5, generator=generator, dtype=torch.float64) * 2
    mask = torch.arange(5) < torch.tensor([5, 3, 1, 4, 2, 5])[:, None]
    advantage = torch.tensor([0.5, -0.5, -0.25, 0.75, -1.0, -0.1], dtype=torch.float64)
    rollout = Rollout(torch.zeros(6, 9), torch.zeros(6), mask, torch.zeros(6, 5, 1), old, ("",) * 6)
    return new, reference, rollout, advantage


def plain_loss(new: Tensor, reference: Tensor, rollout: Rollout, advantage: Tensor) -> Iterator[float]:
    """The four terms, answer by answer and token by token."""
    policies, divergences, kept = [], [], []
    for row, scale in enumerate(advantage.tolist()):
        losses, kls, distances = [], [], []
        for at in range(int(rollout.mask[row].sum())):
            p, old, ref = (values[row, at].item() for values in (new, rollout.log_probs, reference))
            ratio = math.exp(p - old)
            losses.append(-min(ratio * scale, min(max(ratio, 0.8), 1.2) * scale))
            kls.append(ratio * (math.exp(ref - p) - (ref - p) - 1))
            distances.append(old - p)
        keep = scale >= 0 or statistics.mean(distances) <= 0.5
        policies.append(statistics.mean(losses) * keep)
        divergences.append(statistics.mean(kls))
        kept.append(float(keep))
    policy, kl = statistics.mean(policies), statistics.mean(divergences)
    yield from (policy + 0.3 * kl, policy, kl, statistics.mean(kept))


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_the_mean_over_answers_of_the_mean_over_tokens(seed: int) -> None:
    found = [term.item() for term in grpo_loss(*terms(seed), CONFIG)]
    assert found == pytest.approx(list(plain_loss(*terms(seed))), rel=1e-6)


def test_the_answers_of_the_loss_include_some_that_are_left_out() -> None:
    assert {0.0 < grpo_loss(*terms(seed), CONFIG).kept.item() < 1.0 for seed in range(5)} >= {True}


def test_what_is_masked_has_no_influence() -> None:
    new, reference, rollout, advantage = terms()

    def loss_and_gradient(by: float) -> tuple[float, Tensor]:
        noise = by * ~rollout.mask
        log_probs = (new + noise).requires_grad_()
        changed = replace(rollout, log_probs=rollout.log_probs - 2 * noise)
        loss = grpo_loss(log_probs, reference + 3 * noise, changed, advantage, CONFIG).loss
        return loss.item(), torch.autograd.grad(loss, log_probs)[0]

    before, after = loss_and_gradient(0.0), loss_and_gradient(1.5)
    assert after[0] == before[0]
    assert after[1].equal(before[1])
    assert (before[1] != 0).any()
    assert not before[1][~rollout.mask].any()


def test_an_answer_that_is_left_out_still_has_its_divergence() -> None:
    new, reference, rollout, advantage = terms()
    far = new.clone()
    far[5] -= 2
    log_probs = far.requires_grad_()
    loss = grpo_loss(log_probs, reference, rollout, advantage, replace(CONFIG, kl_weight=0.0)).loss
    assert not torch.autograd.grad(loss, log_probs)[0][5].any()
    loss = grpo_loss(log_probs, reference, rollout, advantage, CONFIG).loss
    assert torch.autograd.grad(loss, log_probs)[0][5].any()


def test_a_step_makes_good_answers_likelier_and_bad_ones_less_likely(
    policy: TransformerLM, tokenizer: Tokenizer
) -> None:
    """Two answers to a prompt, the first of which is called right: one step of plain gradient descent."""
    generator = torch.Generator().manual_seed(0)
    rollout = generate(policy, [PROMPTS[0]] * 2, tokenizer, 4, generator=generator)
    assert rollout.completions[0] != rollout.completions[1]
    advantage = advantages(torch.tensor([[1.0, 0.0]]), normalize=False)
    before = token_log_probs(policy, rollout, 1.0)
    grpo_loss(before, before.detach(), rollout, advantage, CONFIG).loss.backward()
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter -= 1e-3 * parameter.grad
        after = token_log_probs(policy, rollout, 1.0)
    assert after[0].sum() > before[0].sum()
    assert after[1].sum() < before[1].sum()


# The trainer and its config


def test_the_reference_stays_while_the_model_moves(tokenizer: Tokenizer) -> None:
    model = make(vocab_size=tokenizer.get_vocab_size(), context_length=64)
    config = GRPOConfig(steps=2, prompts=2, group_size=3, max_new_tokens=2, updates=3)
    trainer = GRPOTrainer(config, model, tokenizer)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        model.head.weight.mul_(1.1)  # no longer the reference: the divergence alone moves it
    moved = {name: value.clone() for name, value in model.state_dict().items()}
    report = trainer.step()
    assert report["kl"] > 0
    assert any(not value.equal(moved[name]) for name, value in model.state_dict().items())
    assert all(value.equal(before[name]) for name, value in trainer.reference.state_dict().items())
    assert report["step"] == trainer.done == 1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("preset", "huge", "no preset 'huge'; choose from nano"),
        ("task", "poems", "no task 'poems'; choose from arithmetic"),
        *((name, 0, f"{name} is 0") for name in ("steps", "prompts", "max_new_tokens", "updates", "checkpoint_every")),
        ("group_size", 1, "group_size is 1"),
        ("temperature", 0.0, r"temperature is 0\.0"),
    ],
)
def test_a_config_says_what_is_wrong(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GRPOConfig(**{field: value})
