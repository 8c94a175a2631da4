"""Losses of reinforcement learning and their gradients by PyTorch's autograd, advantages by its own
statistics: tests/golden/rl.json, read by tests/trainer/rl_math_test.cpp. Run with PyTorch 2.11:
  python3 tests/golden/make_rl.py
"""
import json
from pathlib import Path

import torch

torch.manual_seed(11)
torch.set_default_dtype(torch.float64)
ROWS, TOKENS, CLIP, VALUE_CLIP = 3, 6, 0.2, 0.3


def numbers(*shape, scale=1.0):
    return torch.randn(*shape) * scale


def case_of_losses():
    old = numbers(ROWS, TOKENS) - 2
    new = (old + numbers(ROWS, TOKENS, scale=0.3)).requires_grad_()
    advantages = numbers(ROWS, TOKENS)
    ratio = torch.exp(new - old)
    policy = torch.max(-advantages * ratio, -advantages * ratio.clamp(1 - CLIP, 1 + CLIP))
    (policy_grad,) = torch.autograd.grad(policy.sum(), new)

    reference = old + numbers(ROWS, TOKENS, scale=0.5)
    k3 = torch.exp(reference - new) - 1 - (reference - new)
    (k3_grad,) = torch.autograd.grad(k3.sum(), new)

    old_values = numbers(ROWS, TOKENS)
    values = (old_values + numbers(ROWS, TOKENS, scale=0.4)).requires_grad_()
    returns = numbers(ROWS, TOKENS)
    near = torch.clamp(values, old_values - VALUE_CLIP, old_values + VALUE_CLIP)
    value = 0.5 * torch.max((values - returns) ** 2, (near - returns) ** 2)
    (value_grad,) = torch.autograd.grad(value.sum(), values)
    return {
        "clip": CLIP, "value_clip": VALUE_CLIP, "old": old, "new": new, "advantages": advantages,
        "policy": policy, "policy_grad": policy_grad, "reference": reference, "k3": k3,
        "k3_grad": k3_grad, "old_values": old_values, "values": values, "returns": returns,
        "value": value, "value_grad": value_grad,
    }


def case_of_advantages():
    gamma, lam = 0.97, 0.9
    rewards, values = numbers(TOKENS), numbers(TOKENS)
    advantages, last = [], 0.0
    for t in reversed(range(TOKENS)):
        following = values[t + 1] if t + 1 < TOKENS else 0.0
        last = rewards[t] + gamma * following - values[t] + gamma * lam * last
        advantages.append(last)
    advantages = torch.stack(advantages[::-1])
    whitened = (advantages - advantages.mean()) * torch.rsqrt(advantages.var() + 1e-8)

    group = numbers(4)
    others = torch.stack([group[i] - torch.cat([group[:i], group[i + 1:]]).mean()
                          for i in range(4)])
    return {
        "gamma": gamma, "lambda": lam, "rewards": rewards, "values": values,
        "advantages": advantages, "whitened": whitened, "group": group,
        "grpo": (group - group.mean()) / (group.std() + 1e-4), "rloo": others,
        "dr_grpo": group - group.mean(),
    }


def plain(value):
    return value.detach().flatten().tolist() if torch.is_tensor(value) else value


cases = {"losses": case_of_losses(), "advantages": case_of_advantages()}
text = {name: {key: plain(value) for key, value in case.items()} for name, case in cases.items()}
Path(__file__).with_name("rl.json").write_text(json.dumps(text, indent=1) + "\n")
