"""Planted bugs on the way from the store to a chat."""

from __future__ import annotations

from typing import Any


def sent_before_send() -> None:
    from bot.relay import Relay

    show = Relay._show

    async def careless(self: Any, item: Any) -> None:
        await self._store.outbox_sent(item.request_id, item.rev)
        await show(self, item)

    Relay._show = careless  # type: ignore[method-assign]


def no_nonce() -> None:
    import secrets

    from bot import relay

    relay.film_nonce = lambda request_id: secrets.token_hex(8)  # type: ignore[assignment]
    relay.status_nonce = lambda request_id, gone: secrets.token_hex(8)  # type: ignore[assignment]


def line_not_committed() -> None:
    """The film goes into its line before anybody has written down which line that is."""
    from bot.chat import Slip

    async def begin(self: Any, ref: Any) -> None:
        self.begun = ref

    Slip.begin = begin  # type: ignore[method-assign]


def adopted_later() -> None:
    """The message that stands already becomes the request's a transaction after the request is accepted."""
    from dataclasses import replace

    from storage.store import MessageKind, Store

    submit = Store.submit

    async def late(self: Any, request: Any, **rules: Any) -> Any:
        status = await submit(self, replace(request, status_ref=None), **rules)
        if request.status_ref is not None:
            await self.message_posted(status.request_id, MessageKind.STATUS, request.status_ref, 1)
        return status

    Store.submit = late  # type: ignore[method-assign]
