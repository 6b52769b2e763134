"""A chat that its platform knows under another number from now on: Telegram's groups that become supergroups."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from storage.quota import Purse
from storage.schema import account, chat_move, request
from storage.store import purse
from storage.store.linking import Linking
from storage.store.transitions import Terms


class Moving(Linking):
    """The store's part in it."""

    async def move_chat(self, platform: str, old_id: str, new_id: str) -> bool:
        """Requests and accounts of a chat that is a community go to its new number. Again: False, and no change.

        The messages that stand there stay behind: the platform knows them under the old number alone, if at all.
        """
        return await self._database.write(lambda db: move_chat(db, self._terms, platform, old_id, new_id))

    async def former_chats(self, platform: str, new_id: str) -> tuple[str, ...]:
        """Numbers that the chat had before, the latest first."""
        return await self._database.read(lambda db: former_chats(db, platform, new_id))


def move_chat(db: Connection, terms: Terms, platform: str, old_id: str, new_id: str) -> bool:
    known = select(chat_move.c.new_id).where(chat_move.c.platform == platform, chat_move.c.old_id == old_id)
    if old_id == new_id or db.execute(known).one_or_none() is not None:
        return False
    now_ms = terms.clock.now_ms()
    db.execute(insert(chat_move).values(platform=platform, old_id=old_id, new_id=new_id, moved_ms=now_ms))
    accounts = select(account.c.id).where(account.c.platform == platform)
    db.execute(
        update(request).where(request.c.chat_id == old_id, request.c.account_id.in_(accounts)).values(chat_id=new_id)
    )
    here = account.c.platform == platform, account.c.community_id == old_id
    for old in db.execute(purse.held().where(*here).order_by(account.c.id).with_for_update()).all():
        _move_account(db, terms, old, new_id, now_ms)
    return True


def former_chats(db: Connection, platform: str, new_id: str) -> tuple[str, ...]:
    query = (
        select(chat_move.c.old_id)
        .where(chat_move.c.platform == platform, chat_move.c.new_id == new_id)
        .order_by(chat_move.c.moved_ms.desc())
    )
    return tuple(db.execute(query).scalars())


def _move_account(db: Connection, terms: Terms, old: Row[Any], new_id: str, now_ms: int) -> None:
    """Under the new number; joined with the one there, where its person has asked in both."""
    same = account.c.person_id == old.person_id, account.c.platform == old.platform, account.c.community_id == new_id
    twin = db.execute(purse.held().where(*same).with_for_update()).one_or_none()
    if twin is None:
        db.execute(update(account).where(account.c.id == old.id).values(community_id=new_id))
        return
    db.execute(update(request).where(request.c.account_id == old.id).values(account_id=twin.id))
    counted = {"queued": twin.queued + old.queued, "running": twin.running + old.running}
    db.execute(update(account).where(account.c.id == twin.id).values(counted))
    # Of two buckets the emptier one: a group that moves gives nobody more than they had.
    tariff = terms.tariff(db)
    purses = [purse.of_account(row, tariff, now_ms) for row in (old, twin)]
    least = min((it.community for it in purses), key=lambda bucket: bucket.level_ms)
    both = Purse(community=least, person=purses[0].person)
    purse.keep(db, twin, both, sfq_finish=max(old.sfq_finish, twin.sfq_finish))
    db.execute(delete(account).where(account.c.id == old.id))
