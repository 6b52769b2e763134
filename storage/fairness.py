"""Start-time fair queueing: whose turn it is, as plain arithmetic.

Every request gets a start tag; the lowest tag is drawn next. Tags are milliseconds of GPU time divided by the
member's weight, on a virtual clock that stands at the start tag of the request begun last. A member who has
been idle starts at the virtual clock; one who asks for much pushes only their own later requests back.

Source: Goyal, Vin, Cheng, "Start-time Fair Queueing", SIGCOMM 1996.
"""

from __future__ import annotations

from dataclasses import dataclass

WEIGHT_ONE = 1000
"""Weights are integers in thousandths: tags stay exact on every database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    start: int
    """Decides the turn."""
    finish: int
    """Where the same member's next request starts, unless the virtual clock is further."""


def tags(*, virtual_ms: int, finish: int, est_ms: int, weight_permille: int) -> Tags:
    """Tags of a new request.

    virtual_ms: the clock now. finish: of the member's previous request. est_ms: estimated GPU time.
    """
    start = start_tag(virtual_ms=virtual_ms, finish=finish)
    return Tags(start=start, finish=start + share(est_ms, weight_permille))


def start_tag(*, virtual_ms: int, finish: int) -> int:
    """Where a member's new request starts, which does not depend on its length."""
    return max(virtual_ms, finish)


def corrected(finish: int, *, est_ms: int, actual_ms: int, weight_permille: int) -> int:
    """The member's finish tag once the GPU time actually spent is known."""
    return finish + share(actual_ms, weight_permille) - share(est_ms, weight_permille)


def share(gpu_ms: int, weight_permille: int) -> int:
    """GPU time on the virtual clock of a member of this weight, rounded up: nothing is free."""
    return -(-gpu_ms * WEIGHT_ONE // weight_permille)
