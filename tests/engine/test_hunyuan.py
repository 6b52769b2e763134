from collections.abc import Callable

import pytest
import torch
from enginekit.drawing import random_conditioning, small_plan
from torch import Tensor

from engine.backbone import Backbone
from engine.history import pack_context
from engine.hunyuan import HunyuanBackbone
from engine.weights import ModelSet
from storage.errors import OutOfMemory, OwnerError
from storage.jobs import Schedule

LATENTS = torch.randn((1, 16, 3, 4, 6), generator=torch.Generator().manual_seed(0))


def ask(backbone: Backbone, between_blocks: Callable[[], None] = lambda: None) -> Tensor:
    plan = small_plan()
    conditioning = random_conditioning(plan)
    context = pack_context(plan, 0, None, conditioning, backbone.device)
    x = torch.randn((1, 16, 2, 4, 6), generator=torch.Generator().manual_seed(1))
    return backbone.velocity(x, 0.513, context, conditioning.prompt, 10.0, between_blocks)


def fail_first(times: int, error: Exception) -> Callable[..., None]:
    left = iter(range(times))

    def hook(*_: object) -> None:
        if next(left, None) is not None:
            raise error

    return hook


def test_between_blocks_is_called_before_each_block_and_never_after(backbone: HunyuanBackbone) -> None:
    calls = []
    ask(backbone, lambda: calls.append(1))
    assert len(calls) == 4
    ask(backbone)
    assert len(calls) == 4


def test_in_bf16_its_inputs_are_rounded_as_in_training_and_its_answer_is_not(models: ModelSet) -> None:
    seen: dict[str, float] = {}
    with models.backbone(Schedule.INVERTED) as backbone:
        reference = ask(backbone)
    half = ModelSet(models._folder, models._inventory, torch.device("cpu"))
    with half.backbone(Schedule.INVERTED) as loaded:
        transformer = loaded._transformer.to(torch.bfloat16)
        vae = loaded._vae
    backbone = HunyuanBackbone(transformer, vae, identity="bf16", device=torch.device("cpu"))

    def note(_module: object, arguments: tuple[Tensor, ...]) -> None:
        timestep, _, guidance = arguments
        seen.update(timestep=timestep.item(), guidance=guidance.item())

    transformer.time_text_embed.register_forward_pre_hook(note)
    velocity = ask(backbone)
    assert seen == {"timestep": 512.0, "guidance": 9984.0}
    assert transformer.proj_out.weight.dtype == velocity.dtype == torch.float32
    assert not torch.equal(velocity, velocity.to(torch.bfloat16).float())
    assert ((velocity - reference).norm() / reference.norm()).item() < 0.05


def test_decoding_that_does_not_fit_is_tried_in_smaller_tiles(own_backbone: HunyuanBackbone) -> None:
    expected = own_backbone.decode(LATENTS, lambda: None)
    own_backbone._vae.decoder.register_forward_pre_hook(fail_first(2, torch.OutOfMemoryError()))
    assert torch.equal(own_backbone.decode(LATENTS, lambda: None), expected)
    assert own_backbone._vae.use_tiling
    assert own_backbone._vae.tile_sample_min_height == 192


def test_what_does_not_fit_at_all_is_said(own_backbone: HunyuanBackbone) -> None:
    own_backbone._vae.decoder.register_forward_pre_hook(fail_first(100, torch.OutOfMemoryError()))
    with pytest.raises(OutOfMemory, match="128 pixels"):
        own_backbone.decode(LATENTS, lambda: None)
    own_backbone._transformer.proj_out.register_forward_pre_hook(fail_first(1, torch.OutOfMemoryError()))
    with pytest.raises(OutOfMemory, match="at this size"):
        ask(own_backbone)


def test_a_card_without_fast_attention_is_the_owners_affair(own_backbone: HunyuanBackbone) -> None:
    error = RuntimeError("No available kernel. Aborting execution.")
    own_backbone._transformer.proj_out.register_forward_pre_hook(fail_first(1, error))
    with pytest.raises(OwnerError, match=r"8\.0"):
        ask(own_backbone)


def test_the_same_picture_and_seed_give_the_same_latent_and_another_seed_another(backbone: HunyuanBackbone) -> None:
    pixels = torch.zeros(1, 3, 1, 32, 48)
    first, again, other = (
        backbone.encode(pixels, torch.Generator().manual_seed(seed), lambda: None) for seed in (1, 1, 2)
    )
    assert first.shape == (1, 16, 1, 4, 6)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_closing_twice_is_harmless(models: ModelSet) -> None:
    with models.backbone(Schedule.FORWARD) as backbone:
        backbone.close()
    with models.backbone(Schedule.FORWARD) as reopened:
        assert torch.isfinite(ask(reopened)).all()
