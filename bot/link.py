"""`/link`: a code that is shown on one platform and sent on the other makes two accounts one person's."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from bot.wording import durations, table
from storage.errors import RequestRejected
from storage.jobs import Member
from storage.store import Store
from storage.store.linking import CODE_LIFE_MS, Verdict

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Nothing that looks like something else."""
CODE_CHARS, GROUP_CHARS = 12, 4
"""58 bits for ten minutes: neither the five tries an hour nor the stored SHA-256 give one away in time."""
TYPED_CHARS_MAX = 64


@dataclass(frozen=True, slots=True)
class Offer:
    code: str
    """Three groups with dashes, as it is shown; capitals, dashes and blanks do not matter when it is sent."""
    minutes: int
    """How long it counts."""


class Links:
    """Platform-free: every adapter's /link asks here."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def offer(self, member: Member) -> Offer:
        """A new code for this member; the one they had before no longer counts."""
        plain = "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS))
        await self._store.offer_link(member, _sha256(plain))
        groups = (plain[start : start + GROUP_CHARS] for start in range(0, CODE_CHARS, GROUP_CHARS))
        return Offer("-".join(groups), CODE_LIFE_MS // durations.MINUTE_MS)

    async def redeem(self, member: Member, code: str) -> None:
        """Make this member and whoever was shown the code one person: one quota, one history, for good.

        Raises RequestRejected in the member's language, which never says whether a wrong code was ever right.
        """
        words = table(member.locale)
        redeemed = await self._store.redeem_link(member, _sha256(code))
        platform = words.platforms.get(redeemed.platform, redeemed.platform)
        match redeemed.verdict:
            case Verdict.LINKED:
                return
            case Verdict.WRONG:
                sentence = words.link_refused.format(minutes=CODE_LIFE_MS // durations.MINUTE_MS)
            case Verdict.TRIED_OUT:
                sentence = words.link_tried_out.format(wait=durations.about(words, redeemed.wait_ms))
            case Verdict.SAME_PLATFORM:
                sentence = words.link_same.format(platform=platform)
            case Verdict.TAKEN:
                sentence = words.link_taken.format(platform=platform)
        raise RequestRejected(sentence, field="code")

    async def spoil(self, code: str) -> None:
        """Others have seen it: it counts no more."""
        await self._store.spoil_link(_sha256(code))


def _sha256(code: str) -> str:
    plain = "".join(char for char in code[:TYPED_CHARS_MAX].upper() if char in ALPHABET)
    return hashlib.sha256(plain.encode("ascii")).hexdigest()
