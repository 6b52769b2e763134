"""The table of routes, filled by `@route`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from chatkit.discord.calls import Call

    Work = Callable[[Call], tuple[int, Any]]

NO_CONTENT = (204, None)


@dataclass(frozen=True, slots=True)
class Route:
    work: Work
    open: bool
    """Whoever knows the path may: the token is a part of it."""


ROUTES: dict[tuple[str, str], Route] = {}


def route(method: str, template: str, *, open: bool = False) -> Callable[[Work], Work]:
    def enter(work: Work) -> Work:
        ROUTES[method, template] = Route(work, open)
        return work

    return enter
