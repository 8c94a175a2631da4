"""Losses of preferences and their gradients in plain PyTorch, for
tests/trainer/preference_losses_test.cpp: Bradley-Terry with margin, ties, weights and centring,
Plackett-Luce, ratings, and the family of DPO, written from the formulas with autograd in float64.

  python tests/golden/make_preferences.py        (torch 2.11, safetensors)
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch.nn.functional import logsigmoid

OUT = pathlib.Path(__file__).parent / "preferences.safetensors"
PAIRS, ANSWERS = 7, 4
BETA, SMOOTHING, NLL, CENTER, DIVERGENCE = 0.3, 0.1, 0.25, 0.01, 0.17
DESIRABLE, UNDESIRABLE = 1.3, 0.7
tensors = {}


def keep(name, loss, *inputs):
    """A loss (summed where it is a vector) and its gradients."""
    for value in inputs:
        value.grad = None
    loss.sum().backward()
    tensors[name] = loss.detach().float().reshape(-1)
    for i, value in enumerate(inputs):
        if value.grad is not None:
            tensors[f"{name}.grad{i}"] = value.grad.float().clone()


def make(*shape, scale=1.0):
    value = (torch.randn(*shape, dtype=torch.float64) * scale).float().double()
    return value.requires_grad_(True)


def main():
    torch.manual_seed(5)
    # ---- rewards of pairs: chosen and rejected side by side
    reward = make(2 * PAIRS)
    margin = torch.rand(PAIRS).double().float().double()
    weight = torch.rand(PAIRS).double().float().double() + 0.5
    tie = torch.tensor([0, 0, 1, 0, 0, 1, 0]).double()
    tensors.update(reward=reward.detach().float(), margin=margin.float(), weight=weight.float(), tie=tie.float())
    chosen, rejected = reward[0::2], reward[1::2]
    gap = chosen - rejected - margin * (1 - tie)
    target = 1 - tie / 2
    loss = -target * logsigmoid(gap) - (1 - target) * logsigmoid(-gap) + CENTER * (chosen + rejected) ** 2
    keep("bradley_terry", (loss * weight).sum(), reward)

    # ---- rankings: equal ranks are ties, -1 only fills up
    ranked = make(3, ANSWERS)
    ranks = torch.tensor([[2, 1, 3, 4], [1, 1, 2, 2], [3, 1, 2, -1]]).double()
    tensors.update(ranked=ranked.detach().float(), ranks=ranks.float())
    total = 0
    for g in range(3):
        pairs = []
        for i in range(ANSWERS):
            for j in range(i + 1, ANSWERS):
                a, b = ranks[g, i], ranks[g, j]
                if a < 0 or b < 0:
                    continue
                d = ranked[g, i] - ranked[g, j]
                p = 1.0 if a < b else 0.5 if a == b else 0.0
                pairs.append(-p * logsigmoid(d) - (1 - p) * logsigmoid(-d))
        total = total + torch.stack(pairs).mean()
    keep("ranking", total, ranked)
    total = 0
    for g in range(3):
        for i in range(ANSWERS):
            if ranks[g, i] >= 0:
                among = [ranked[g, j] for j in range(ANSWERS) if ranks[g, j] >= ranks[g, i] and ranks[g, j] >= 0]
                total = total + torch.logsumexp(torch.stack(among), 0) - ranked[g, i]
    keep("plackett_luce", total, ranked)

    # ---- ratings
    rating = torch.randn(2 * PAIRS).double().float().double()
    tensors["rating"] = rating.float()
    keep("regression", ((reward - rating) ** 2).sum(), reward)

    # ---- dpo and its relatives: summed log-probabilities of answers
    policy_c, policy_r = make(PAIRS, scale=3.0), make(PAIRS, scale=3.0)
    with torch.no_grad():
        policy_c.sub_(12)
        policy_r.sub_(14)
    reference_c, reference_r = policy_c.detach() + make(PAIRS).detach(), policy_r.detach() + make(PAIRS).detach()
    tokens_c, tokens_r = torch.tensor([3, 5, 8, 2, 9, 4, 6]).double(), torch.tensor([4, 4, 7, 3, 5, 9, 2]).double()
    reference_c, reference_r = reference_c.float().double(), reference_r.float().double()
    with torch.no_grad():
        policy_c.copy_(policy_c.float())
        policy_r.copy_(policy_r.float())
    tensors.update(policy_c=policy_c.detach().float(), policy_r=policy_r.detach().float(), reference_c=reference_c.float(),
                   reference_r=reference_r.float(), tokens_c=tokens_c.float(), tokens_r=tokens_r.float())
    ratio_c, ratio_r = policy_c - reference_c, policy_r - reference_r
    delta = ratio_c - ratio_r
    both = (policy_c, policy_r)
    keep("sigmoid", -(1 - SMOOTHING) * logsigmoid(BETA * delta) - SMOOTHING * logsigmoid(-BETA * delta), *both)
    keep("sigmoid_nll", -logsigmoid(BETA * (policy_c - reference_c - policy_r + reference_r)) - NLL * policy_c / tokens_c, *both)
    robust = (-(1 - SMOOTHING) * logsigmoid(BETA * (policy_c - reference_c - policy_r + reference_r))
              + SMOOTHING * logsigmoid(-BETA * (policy_c - reference_c - policy_r + reference_r))) / (1 - 2 * SMOOTHING)
    keep("robust", robust, *both)
    ipo = (policy_c - reference_c) / tokens_c - (policy_r - reference_r) / tokens_r - 1 / (2 * BETA)
    keep("ipo", ipo ** 2, *both)
    mean_c, mean_r = policy_c / tokens_c, policy_r / tokens_r
    odds = (mean_c - torch.log1p(-torch.exp(mean_c))) - (mean_r - torch.log1p(-torch.exp(mean_r)))
    keep("orpo", -mean_c - BETA * logsigmoid(odds), *both)
    h = policy_c - reference_c
    label = torch.tensor([1, 0, 1, 1, 0, 0, 1]).double()
    tensors["label"] = label.float()
    good = DESIRABLE * (1 - torch.sigmoid(BETA * (h - DIVERGENCE)))
    bad = UNDESIRABLE * (1 - torch.sigmoid(BETA * (DIVERGENCE - h)))
    keep("kto", label * good + (1 - label) * bad, policy_c)
    save_file({name: value.contiguous() for name, value in tensors.items()}, OUT)


if __name__ == "__main__":
    main()
