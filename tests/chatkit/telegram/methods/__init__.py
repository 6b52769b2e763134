"""The Bot API's methods, as far as a bot like ours uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatkit.telegram.methods import editing, feeding, looking, reacting, sending, setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from chatkit.telegram.model import Call
    from chatkit.telegram.world import World

METHODS: dict[str, Callable[[World, Call], object]] = {
    **sending.METHODS,
    **editing.METHODS,
    **reacting.METHODS,
    **looking.METHODS,
    **setting.METHODS,
    **feeding.METHODS,
}
"""By their documented names. A method takes the world and the call and returns its `result` (or an awaitable of it);
it raises Refusal."""
