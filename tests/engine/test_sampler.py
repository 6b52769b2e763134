"""UniPC on a flow whose solution is known: data of one normal distribution, mean M and deviation S."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from engine.sampler import ORDER_MAX, SamplerState, UniPC

M, S = 0.7, 0.4
END = 0.1
"""Noise level at which samples are compared; every schedule below reaches it before its last call."""


def spread(sigma: float) -> float:
    return math.sqrt((S * (1 - sigma)) ** 2 + sigma**2)


def network(x: Tensor, sigma: float) -> Tensor:
    """The expected x0, given x: what a perfectly trained network answers."""
    return M + S**2 * (1 - sigma) / spread(sigma) ** 2 * (x - (1 - sigma) * M)


def exact(noise: Tensor, sigma: float) -> Tensor:
    """The flow's solution from sigma = 1."""
    return (1 - sigma) * M + spread(sigma) * noise


def schedule(steps: int) -> list[float]:
    """Evenly spaced in log sigma from 1 to END, then 0."""
    return [math.exp(math.log(END) * step / (steps - 1)) for step in range(steps)] + [0.0]


def draw(sampler: UniPC, noise: Tensor) -> SamplerState:
    state = sampler.start(noise)
    while not sampler.done(state):
        x = sampler.predict(state)
        state = sampler.correct(state, network(x, sampler.sigmas[state.step]))
    return state


def unipc_error(steps: int, noise: Tensor) -> float:
    return (draw(UniPC(schedule(steps)), noise).x - exact(noise, END)).abs().max().item()


def euler_error(steps: int, noise: Tensor) -> float:
    x = noise
    for sigma, following in pairwise(schedule(steps)[:-1]):
        x = x + (following - sigma) * (x - network(x, sigma)) / sigma
    return (x - exact(noise, END)).abs().max().item()


@pytest.fixture
def noise() -> Tensor:
    return torch.randn(64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_error_falls_with_the_third_power_of_the_step(noise: Tensor) -> None:
    errors = [unipc_error(steps, noise) for steps in (33, 65, 129)]
    orders = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert min(orders) > 2.7, orders


@pytest.mark.parametrize("steps", [6, 10, 25])
def test_beats_euler_at_the_same_number_of_calls(noise: Tensor, steps: int) -> None:
    assert unipc_error(steps, noise) < 0.3 * euler_error(steps, noise)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 25])
def test_asks_the_network_once_per_step_and_ends_with_its_last_answer(noise: Tensor, steps: int) -> None:
    sampler = UniPC(schedule(max(steps, 2))[-steps - 1 :])
    asked: list[Tensor] = []
    state = sampler.start(noise)
    while not sampler.done(state):
        asked.append(network(sampler.predict(state), sampler.sigmas[state.step]))
        state = sampler.correct(state, asked[-1])
    assert len(asked) == steps
    assert state.x0s[0] is asked[-1]
    assert torch.isfinite(state.x).all()


def test_a_constant_answer_is_reached_exactly(noise: Tensor) -> None:
    sampler = UniPC(schedule(7))
    state = sampler.start(noise)
    goal = torch.full_like(noise, 0.25)
    while not sampler.done(state):
        x, sigma = sampler.predict(state), sampler.sigmas[state.step]
        torch.testing.assert_close(x, sigma * noise + (1 - sigma) * goal)
        state = sampler.correct(state, goal)


def test_steps_leave_earlier_states_as_they_were(noise: Tensor) -> None:
    sampler = UniPC(schedule(5))
    states = [sampler.start(noise)]
    while not sampler.done(states[-1]):
        x = sampler.predict(states[-1])
        states.append(sampler.correct(states[-1], network(x, sampler.sigmas[states[-1].step])))
    for state in states[:-1]:
        x = sampler.predict(state)
        again = sampler.correct(state, network(x, sampler.sigmas[state.step]))
        assert torch.equal(again.x, states[again.step].x)


def test_three_answers_integrate_a_parabola_exactly_and_a_fourth_a_cubic() -> None:
    """The order conditions themselves: x0 as a polynomial of lambda has a solution in closed form."""
    sampler = UniPC(schedule(8))
    lambdas = [-math.log(sigma) for sigma in sampler.sigmas[:-1]]
    degrees = {
        2: (lambda t: t**2, lambda t: t**2 - 2 * t + 2),
        3: (lambda t: t**3, lambda t: t**3 - 3 * t**2 + 6 * t - 6),
    }
    step = 5
    for degree, (answer, particular) in degrees.items():
        known = SamplerState(
            step=step,
            x=torch.tensor([particular(lambdas[step - 1])], dtype=torch.float64),
            x0s=tuple(
                torch.tensor([answer(lambdas[step - age])], dtype=torch.float64) for age in range(1, ORDER_MAX + 1)
            ),
        )
        goal = torch.tensor([particular(lambdas[step])], dtype=torch.float64)
        predicted = sampler.predict(known)
        corrected = sampler.correct(known, torch.tensor([answer(lambdas[step])], dtype=torch.float64)).x
        assert torch.allclose(corrected, goal, rtol=0, atol=1e-10)
        assert torch.allclose(predicted, goal, rtol=0, atol=1e-10) == (degree == 2)
