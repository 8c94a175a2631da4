#!/usr/bin/env python3
"""Makes tests/golden/adamw.safetensors: ten steps of torch.optim.AdamW(fused=True) with clipping.

Needs torch 2.11 and safetensors. Tensors: start [512], grad.N, norm.N, value.N, and after the last step exp_avg and exp_avg_sq.
512 elements: PyTorch's vectors fit in without a tail, which it rounds otherwise.
Run: python make_adamw.py
"""
import pathlib

import torch
from safetensors.torch import save_file

torch.manual_seed(5)
value = torch.nn.Parameter(torch.randn(512))
out = {"start": value.detach().clone()}
optimizer = torch.optim.AdamW([value], lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, fused=True)
for n in range(10):
    value.grad = torch.randn(512) * 10 ** (n / 4 - 2)
    out[f"grad.{n}"] = value.grad.clone()
    norm = torch.nn.utils.clip_grad_norm_([value], 1.0)
    out[f"norm.{n}"] = norm.reshape(1).clone()
    for group in optimizer.param_groups:
        group["lr"] = 1e-2 * (n + 1) / 10
    optimizer.step()
    out[f"value.{n}"] = value.detach().clone()
for key in ("exp_avg", "exp_avg_sq"):
    out[key] = optimizer.state[value][key]
save_file(out, pathlib.Path(__file__).parent / "adamw.safetensors")
