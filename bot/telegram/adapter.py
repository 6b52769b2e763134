"""One life of the Telegram side: connect, take updates, say what only the owner can mend, leave in order."""

from __future__ import annotations

import asyncio
import logging
import os

import httpx
from pydantic import SecretStr
from telegram.error import BadRequest, InvalidToken, NetworkError
from telegram.request import HTTPXRequest

from bot.chat import ChatUnavailable
from bot.desk import Desk
from bot.telegram.begun import Begun
from bot.telegram.budget import Budgets
from bot.telegram.chat import REFRESH_S, TelegramChat
from bot.telegram.front import Front, ref
from bot.telegram.inbox import Inbox
from bot.telegram.menus import set_menus
from bot.telegram.orphans import Orphans
from bot.telegram.polling import ASK_S, Pauses, PollingBot, poll, say_goodbye
from bot.telegram.rates import Limiter
from bot.telegram.rights import Standing
from bot.telegram.updates import Updates
from bot.telegram.uploads import CLOUD_BYTES_MAX, Uploads
from bot.telegram.webhook import listen
from storage.clock import Clock, SystemClock
from storage.errors import OwnerError
from storage.settings import TELEGRAM_TOKEN_VARIABLE, Settings, TelegramSettings

CLOUD_URL, CLOUD_FILE_URL = "https://api.telegram.org/bot", "https://api.telegram.org/file/bot"
CALL_S = 20.0
"""For one call without a file, each way."""
POOL_S = 30.0
CONNECTIONS = 64
FINISH_S = 10.0
"""For updates that are being dealt with when the bot stops: app.py gives all calls in flight a little longer."""

log = logging.getLogger(__name__)


class TelegramAdapter(TelegramChat):
    """A `Chat` that is connected while `run` runs."""

    def __init__(
        self,
        desk: Desk,
        settings: Settings,
        token: SecretStr,
        *,
        clock: Clock | None = None,
        budgets: Budgets | None = None,
        pauses: Pauses | None = None,
        refresh_s: float = REFRESH_S,
    ) -> None:
        super().__init__(desk, settings, refresh_s=refresh_s)
        self._clock = clock or SystemClock()
        self._token = token
        self._pauses = pauses or Pauses()
        # Outlives a connection: what was sent a moment ago counts, whoever sent it.
        self._orphans = Orphans()
        self._limiter = Limiter(budgets, self._orphans)
        tame_library()

    async def run(self) -> None:
        """Until cancelled. Raises OwnerError for what only the owner can mend, the library's errors otherwise."""
        telegram = self._settings.telegram
        try:
            async with (
                make_bot(telegram, self._token, self._limiter) as bot,
                httpx.AsyncClient(proxy=telegram.proxy, timeout=CALL_S) as files,
            ):
                await self._serve(bot, files)
        except NetworkError as exc:
            if isinstance(exc, BadRequest):
                raise
            # Without its cause: an address in it may hold the token.
            raise ChatUnavailable("no line to Telegram") from None
        except InvalidToken:
            # Without its cause: the library's sentence holds the token.
            raise OwnerError(
                f"Telegram refuses the bot's token: set {TELEGRAM_TOKEN_VARIABLE}, or the file that "
                "telegram.token_file names, to the token that @BotFather shows under /mybots, API Token."
            ) from None

    async def _serve(self, bot: PollingBot, files: httpx.AsyncClient) -> None:
        settings = self._settings
        most = settings.intake.upload_bytes_max
        if not settings.telegram.local_mode:
            most = min(most, CLOUD_BYTES_MAX)
        front = Front(
            bot=bot,
            desk=self._desk,
            chat=self,
            uploads=Uploads(bot, files, bytes_max=most),
            standing=Standing(bot),
            settings=settings,
            clock=self._clock,
            orphans=self._orphans,
        )
        begun = Begun(settings.data.folder)
        await begun.recall()
        inbox = Inbox(Updates(front), begun)
        errands = (
            asyncio.create_task(set_menus(bot), name="menus"),
            asyncio.create_task(self._orphans.run(bot, self._is_known), name="orphans"),
        )
        self.connect(bot)
        polling = settings.telegram.webhook_url is None
        log.info("connected", extra={"bot": bot.username})
        try:
            if polling:
                await poll(bot, inbox, self._pauses)
            else:
                await listen(bot, inbox, settings.telegram)
        finally:
            for errand in errands:
                errand.cancel()
            await inbox.close(FINISH_S)
            await front.later.close()
            if polling:
                await say_goodbye(bot, inbox)
            self.connect(None)
            await asyncio.gather(*errands, return_exceptions=True)

    async def _is_known(self, chat_id: int, number: int) -> bool:
        return await self._desk.request_of(ref(chat_id, number)) is not None


def make_bot(telegram: TelegramSettings, token: SecretStr, limiter: Limiter) -> PollingBot:
    """The library's bot, without its Application: that one forgets updates before they are dealt with."""

    def request(connections: int, read_s: float) -> HTTPXRequest:
        return HTTPXRequest(
            connection_pool_size=connections,
            read_timeout=read_s,
            write_timeout=CALL_S,
            connect_timeout=CALL_S,
            pool_timeout=POOL_S,
            proxy=telegram.proxy,
        )

    return PollingBot(
        token.get_secret_value(),
        base_url=telegram.base_url or CLOUD_URL,
        base_file_url=telegram.base_file_url or CLOUD_FILE_URL,
        request=request(CONNECTIONS, CALL_S),
        # The library adds the time that a question is held open to the time for reading the answer.
        get_updates_request=request(2, ASK_S),
        local_mode=telegram.local_mode,
        rate_limiter=limiter,
    )


def tame_library() -> None:
    """Every call's address holds the token, and the libraries log addresses: little of theirs is logged."""
    # Waits as spans of time, which is what the library's next version gives; until then it would warn of each.
    os.environ.setdefault("PTB_TIMEDELTA", "true")
    for name in ("httpx", "httpcore", "h11"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its errors hold whole answers of Telegram's, with members' words; what matters in them is raised as well.
    logging.getLogger("telegram").setLevel(logging.CRITICAL)
