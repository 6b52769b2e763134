"""Discord's rate limits as they are seen from outside. Off unless a test or a bench switches them on.

The numbers of the routes are what is observed, not documented; the global one is documented.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatkit.discord.calls import Call

GLOBAL_PER_S = 50
MAJOR = ("channel_id", "guild_id", "webhook_id", "webhook_token")
# (requests, seconds)
ROUTES = {
    ("POST", "/channels/{channel_id}/messages"): (5, 5.0),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"): (5, 5.0),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}"): (5, 1.0),
    ("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me"): (1, 0.25),
    ("POST", "/webhooks/{webhook_id}/{webhook_token}"): (5, 2.0),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original"): (5, 2.0),
}


@dataclass(slots=True)
class Verdict:
    headers: dict[str, str] = field(default_factory=dict)
    retry_after_s: float | None = None
    """Not None: too many."""
    everywhere: bool = False


@dataclass(slots=True)
class _Window:
    """A bucket as Discord keeps it: so many, then none until the window that the first one opened is over."""

    size: int
    length_s: float
    ends_s: float = 0.0
    used: int = 0

    def take(self, now_s: float) -> float | None:
        """Seconds to wait, or None where there is room."""
        if now_s >= self.ends_s:
            self.ends_s, self.used = now_s + self.length_s, 0
        if self.used >= self.size:
            return self.ends_s - now_s
        self.used += 1
        return None


class Rates:
    def __init__(self) -> None:
        self.enforced = False
        self.refused = 0
        """429 answers so far."""
        self._windows: dict[str, _Window] = {}
        self._recent: deque[float] = deque()

    def judge(self, call: Call) -> Verdict:
        if not self.enforced or call.template.startswith("/interactions/"):
            return Verdict()
        now_s = time.monotonic()
        while self._recent and now_s - self._recent[0] > 1:
            self._recent.popleft()
        # Webhooks of interactions do not count toward the global limit.
        if not call.template.startswith("/webhooks/"):
            if len(self._recent) >= GLOBAL_PER_S:
                self.refused += 1
                return Verdict(retry_after_s=1 - (now_s - self._recent[0]), everywhere=True)
            self._recent.append(now_s)
        limit = ROUTES.get((call.method, call.template))
        return Verdict() if limit is None else self._bucket(call, limit, now_s)

    def _bucket(self, call: Call, limit: tuple[int, float], now_s: float) -> Verdict:
        major = "+".join(call.params[name] for name in MAJOR if name in call.params)
        name = hashlib.sha256(f"{call.method} {call.template}".encode()).hexdigest()[:16]
        window = self._windows.setdefault(f"{name}:{major}", _Window(*limit))
        wait_s = window.take(now_s)
        self.refused += wait_s is not None
        left_s = max(0.0, window.ends_s - now_s)
        headers = {
            "X-RateLimit-Limit": str(window.size),
            "X-RateLimit-Remaining": str(window.size - window.used),
            "X-RateLimit-Reset": f"{time.time() + left_s:.3f}",
            "X-RateLimit-Reset-After": f"{left_s:.3f}",
            "X-RateLimit-Bucket": name,
        }
        return Verdict(headers, wait_s)
