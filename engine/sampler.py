"""UniPC for flow matching: a predictor-corrector of third order in explicit steps, whose state can be stored.

With x = (1 − sigma)·x0 + sigma·noise and lambda = −log sigma, the flow dx/dsigma = (x − x0)/sigma becomes
dx/dlambda = x0 − x: linear but for the network's x0, which UniPC interpolates through its last values.

Source: Zhao et al. 2023, "UniPC: A Unified Predictor-Corrector Framework" (arXiv 2302.04867), multistep form,
data prediction, B(h) = h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ORDER_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerState:
    """Between two steps: enough to go on, bit for bit."""

    step: int
    """Model calls made."""
    x: Tensor
    """The corrected sample at the noise level of the last call, or the noise before the first."""
    x0s: tuple[Tensor, ...]
    """The network's last answers, newest first, at most ORDER_MAX."""

    def to(self, device: torch.device) -> SamplerState:
        return SamplerState(step=self.step, x=self.x.to(device), x0s=tuple(x0.to(device) for x0 in self.x0s))


@dataclass(frozen=True, slots=True)
class UniPC:
    """Draws one section: `start`, then for every step `predict` → network → `correct`; the film is the last x0."""

    sigmas: Sequence[float]
    """Steps + 1 noise levels, strictly falling from 1 to 0."""

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1

    def start(self, noise: Tensor) -> SamplerState:
        return SamplerState(step=0, x=noise, x0s=())

    def done(self, state: SamplerState) -> bool:
        return state.step == self.steps

    def predict(self, state: SamplerState) -> Tensor:
        """The sample at `sigmas[state.step]`, where the network is asked next (UniP)."""
        if state.step == 0:
            return state.x
        order, h, ratios = self._stencil(state.step)
        # With two points, every B(h) allows 1/2 (Zhao et al., section 3.3): no system to solve.
        weights = [0.5] if order == 2 else _weights(h, ratios[:-1])
        return self._integrate(state, h, weights, _differences(state.x0s, ratios[:-1]))

    def correct(self, state: SamplerState, x0: Tensor) -> SamplerState:
        """Take the network's answer at the predicted sample and correct that sample with it (UniC)."""
        if state.step == 0:
            return SamplerState(step=1, x=state.x, x0s=(x0,))
        order, h, ratios = self._stencil(state.step)
        weights = [0.5] if order == 1 else _weights(h, ratios)
        differences = [*_differences(state.x0s, ratios[:-1]), x0 - state.x0s[0]]
        x = self._integrate(state, h, weights, differences)
        return SamplerState(step=state.step + 1, x=x, x0s=(x0, *state.x0s)[:ORDER_MAX])

    def _stencil(self, step: int) -> tuple[int, float, list[float]]:
        """Order, step h in lambda, and the places of the older answers and the target, in units of h."""
        order = min(ORDER_MAX, self.steps - 1, step)
        lambdas = [-math.log(self.sigmas[step - back]) for back in range(order + 1)]
        h = lambdas[0] - lambdas[1]
        return order, h, [*((older - lambdas[1]) / h for older in lambdas[2:]), 1.0]

    @staticmethod
    def _integrate(state: SamplerState, h: float, weights: list[float], differences: list[Tensor]) -> Tensor:
        x = math.exp(-h) * state.x - math.expm1(-h) * state.x0s[0]
        for weight, difference in zip(weights, differences, strict=True):
            x = x + (h * weight) * difference
        return x


def _differences(x0s: Sequence[Tensor], ratios: Sequence[float]) -> list[Tensor]:
    return [(older - x0s[0]) / ratio for older, ratio in zip(x0s[1:], ratios, strict=False)]


def _weights(h: float, ratios: Sequence[float]) -> list[float]:
    """Solve Σ_m a_m · r_m^(k−1) = k! · phi_(k+1)(h) / B(h) for k = 1 … p (Zhao et al., equation 5).

    ratios: r_m, p places in units of h.  Solved in float64 on the CPU, the same on every card.
    """
    if not ratios:
        return []
    rows, targets = [], []
    phi = math.expm1(-h) / -h - 1
    factorial = 1
    for k in range(1, len(ratios) + 1):
        rows.append([ratio ** (k - 1) for ratio in ratios])
        targets.append(phi * factorial / -h)
        factorial *= k + 1
        phi = phi / -h - 1 / factorial
    matrix, vector = torch.tensor(rows, dtype=torch.float64), torch.tensor(targets, dtype=torch.float64)
    return torch.linalg.solve(matrix, vector).tolist()
