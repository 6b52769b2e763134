"""The Telegram stand-in with real python-telegram-bot: what people do is heard, what a bot sends is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chatkit.telegram import CannotDo, Standing, TelegramKit, samples
from chatkit.telegram.sample import Listener, polling
from telegram import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    ChatMemberAdministrator,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaAnimation,
    InputMediaPhoto,
    MessageEntity,
    ReactionTypeEmoji,
)
from telegram.error import BadRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEYBOARD = InlineKeyboardMarkup([[InlineKeyboardButton("⚡ Reroll", callback_data="reroll:1")]])


@pytest.fixture
async def kit() -> AsyncIterator[TelegramKit]:
    async with TelegramKit.open() as kit:
        yield kit
        assert kit.problems() == []


@pytest.fixture
async def listener(kit: TelegramKit) -> AsyncIterator[Listener]:
    async with polling(kit) as listener:
        yield listener


async def test_a_captioned_photo_arrives_in_several_sizes_and_can_be_downloaded(kit: TelegramKit, listener: Listener):
    mia = kit.person("Mia", language="it")
    cave = kit.group("Cave", mia)
    picture = samples.picture(640, 480)
    mia.sends_photo(cave, picture, caption="/animate@flipbook_bot the fox")
    message = (await listener.next()).effective_message
    assert message is not None
    assert message.caption == "/animate@flipbook_bot the fox"
    assert message.parse_caption_entities([MessageEntity.BOT_COMMAND]) == {
        message.caption_entities[0]: "/animate@flipbook_bot"
    }
    assert message.from_user is not None
    assert message.from_user.language_code == "it"
    assert [size.width for size in message.photo] == [90, 320, 640]
    assert bytes(await (await message.photo[-1].get_file()).download_as_bytearray()) == picture


async def test_a_line_becomes_a_film_and_its_past_is_kept(kit: TelegramKit, listener: Listener):
    mia = kit.person("Mia")
    cave = kit.group("Cave", mia)
    asked = mia.says(cave, "/animate")
    line = await listener.bot.send_message(cave.id, "One moment", reply_to_message_id=asked.id)
    film = InputMediaAnimation(samples.clip(), caption="<b>the fox</b>", parse_mode="HTML")
    await line.edit_media(film, reply_markup=KEYBOARD)
    (shown,) = cave.from_bot
    assert (shown.kind, shown.text, shown.reply_to) == ("animation", "the fox", asked)
    assert [entity["type"] for entity in shown.content.entities] == ["bold"]
    assert [past.text for past in shown.past] == ["One moment"]
    assert shown.media is not None
    assert shown.media.file.duration_s == 1


async def test_a_link_to_a_person_is_a_mention(kit: TelegramKit, listener: Listener):
    mia = kit.person("Mia")
    cave = kit.group("Cave", mia)
    text = f'<a href="tg://user?id={mia.id}">Mia</a> and <a href="tg://user?id=1">nobody</a>'
    sent = await listener.bot.send_message(cave.id, text, parse_mode="HTML")
    assert [(entity.type, entity.user and entity.user.id) for entity in sent.entities] == [("text_mention", mia.id)]


async def test_a_photo_is_sent_again_by_its_id(kit: TelegramKit, listener: Listener):
    mia = kit.person("Mia")
    mia.sends_photo(mia.private, samples.picture())
    message = (await listener.next()).effective_message
    assert message is not None
    status = await message.reply_photo(message.photo[-1].file_id, caption="Queued")
    await status.edit_caption("Drawing")
    await status.edit_media(InputMediaPhoto(samples.picture(colour="red"), caption="Drawing"))
    (shown,) = mia.private.from_bot
    assert (shown.kind, shown.text, len(shown.past)) == ("photo", "Drawing", 2)
    await status.delete()
    assert mia.private.from_bot == []


async def test_a_pressed_button_spins_until_it_is_answered(kit: TelegramKit, listener: Listener):
    mia = kit.person("Mia")
    cave = kit.group("Cave", mia)
    await listener.bot.send_message(cave.id, "Done", reply_markup=KEYBOARD)
    click = mia.clicks(cave.from_bot[0], "reroll")
    query = (await listener.next()).callback_query
    assert query is not None
    assert (query.data, query.message and query.message.message_id) == ("reroll:1", cave.from_bot[0].id)
    assert kit.unanswered() == [click]
    await query.answer("You have 4 s left", show_alert=True)
    assert click.answer == {"text": "You have 4 s left", "show_alert": True}
    with pytest.raises(CannotDo, match="there are: ⚡ Reroll"):
        mia.clicks(cave.from_bot[0], "extend")


async def test_a_button_of_a_deleted_message_brings_an_inaccessible_one(kit: TelegramKit, listener: Listener):
    mia = kit.person("Mia")
    cave = kit.group("Cave", mia)
    await listener.bot.send_message(cave.id, "Done", reply_markup=KEYBOARD)
    message = cave.from_bot[0]
    mia.deletes(message)
    mia.sends_data(message, "forged:9")
    query = (await listener.next()).callback_query
    assert query is not None
    assert query.message is not None
    assert (query.data, query.message.is_accessible) == ("forged:9", False)


async def test_reactions_reach_an_admin_bot_as_old_and_new(kit: TelegramKit, listener: Listener):
    leo, mia = kit.person("Leo"), kit.person("Mia")
    cave = kit.supergroup("Cave", leo, mia)
    await listener.bot.send_message(cave.id, "Done")
    message = cave.from_bot[0]
    mia.reacts(message, "⚡")  # the bot is no admin yet
    kit.set_standing(cave, kit.bot, Standing.ADMIN)
    assert (await listener.next()).my_chat_member is not None
    mia.reacts(message, "⚡", "👎")
    mia.reacts(message)
    leo.reacts(message, "🙈", as_chat=cave)
    added, removed, anonymous = [(await listener.next()).message_reaction for _ in range(3)]
    assert added is not None
    assert added.old_reaction == (ReactionTypeEmoji("⚡"),)
    assert added.new_reaction == (ReactionTypeEmoji("⚡"), ReactionTypeEmoji("👎"))
    assert removed is not None
    assert removed.new_reaction == ()
    assert anonymous is not None
    assert (anonymous.user, anonymous.actor_chat and anonymous.actor_chat.id) == (None, cave.id)


async def test_reactions_are_sent_only_to_a_bot_that_asked_for_them(kit: TelegramKit):
    mia = kit.person("Mia")
    cave = kit.group("Cave", mia, bot=Standing.ADMIN)
    async with polling(kit, allowed=["message"]) as listener:
        message = mia.says(cave, "hello")
        mia.reacts(message, "⚡")
        mia.says(cave, "again")
        texts = [(await listener.next()).effective_message for _ in range(2)]
    assert [message and message.text for message in texts] == ["hello", "again"]


async def test_privacy_mode_hides_the_talk_from_a_bot_that_is_no_admin(kit: TelegramKit, listener: Listener):
    mia = kit.person("Mia")
    cave = kit.group("Cave", mia)
    mia.says(cave, "hello everybody")
    mia.says(cave, "/animate@another_bot x")
    mia.sends_photo(cave, caption="look")
    await listener.bot.send_message(cave.id, "I am here")
    mia.says(cave, "what can you do?", reply_to=cave.from_bot[0])
    heard = (await listener.next()).effective_message
    assert heard is not None
    assert heard.text == "what can you do?"


async def test_albums_edits_anonymous_admins_and_channels_look_as_on_telegram(kit: TelegramKit, listener: Listener):
    leo = kit.person("Leo")
    cave = kit.supergroup("Cave", leo, bot=Standing.ADMIN, topics=("Films",))
    news = kit.channel("News", leo)
    first, second = leo.sends_album(cave, [samples.picture(), samples.picture()], "/animate", captioned=1, topic=2)
    one, two = [(await listener.next()).effective_message for _ in range(2)]
    assert one is not None
    assert two is not None
    assert (one.caption, two.caption, one.message_thread_id) == (None, "/animate", 2)
    assert one.media_group_id == two.media_group_id == first.album
    leo.edits(second, "/animate slowly")
    edited = (await listener.next()).edited_message
    assert edited is not None
    assert edited.caption == "/animate slowly"
    leo.says(cave, "/queue", as_chat=cave)
    anonymous = (await listener.next()).message
    assert anonymous is not None
    assert anonymous.sender_chat is not None
    assert anonymous.from_user is not None
    assert (anonymous.sender_chat.id, anonymous.from_user.username) == (cave.id, "GroupAnonymousBot")
    leo.says(news, "/animate")
    post = (await listener.next()).channel_post
    assert post is not None
    assert (post.from_user, post.sender_chat and post.sender_chat.id) == (None, news.id)


async def test_stickers_clips_voices_and_documents_are_what_they_say(kit: TelegramKit, listener: Listener):
    mia = kit.person("Mia")
    robot = kit.person("Robot", is_bot=True)
    mia.starts()
    mia.sends_sticker(mia.private, animated=True)
    mia.sends_video(mia.private, caption="/animate")
    mia.sends_gif(mia.private)
    mia.sends_voice(mia.private)
    mia.sends_document(mia.private, samples.heic(), name="IMG_1.HEIC", mime="image/heic")
    mia.sends_document(mia.private, name="big.png", mime="image/png", size=25_000_000)
    robot.says(robot.private, "/animate")
    heard = [(await listener.next()).effective_message for _ in range(8)]
    kinds = [message.effective_attachment.__class__.__name__ for message in heard if message]
    assert kinds == ["NoneType", "Sticker", "Video", "Animation", "Voice", "Document", "Document", "NoneType"]
    assert heard[-1] is not None
    assert heard[-1].from_user is not None
    assert heard[-1].from_user.is_bot


async def test_topics_take_messages_until_they_are_closed(kit: TelegramKit, listener: Listener):
    mia = kit.person("Mia")
    forum = kit.supergroup("Forum", mia, topics=("Films", "Talk"))
    asked = mia.says(forum, "/animate", topic=3)
    await listener.bot.send_message(forum.id, "here", message_thread_id=2)
    await listener.bot.send_message(forum.id, "there", reply_to_message_id=asked.id)
    assert [message.topic for message in forum.from_bot] == [2, 3]
    kit.close_topic(forum, 2)
    with pytest.raises(BadRequest, match=r"(?i)topic_closed"):
        await listener.bot.send_message(forum.id, "here", message_thread_id=2)


async def test_commands_members_and_reactions_of_the_bot(kit: TelegramKit, listener: Listener):
    leo, mia = kit.person("Leo"), kit.person("Mia")
    cave = kit.group("Cave", leo, bot=Standing.ADMIN)
    await listener.bot.set_my_commands(
        [BotCommand("animate", "Anima")], scope=BotCommandScopeAllGroupChats(), language_code="it"
    )
    assert kit.commands(scope="all_group_chats", language="it") == {"animate": "Anima"}
    admins = await listener.bot.get_chat_administrators(cave.id)
    assert [admin.user.first_name for admin in admins] == ["Leo", "Flipbook"]
    assert isinstance(await listener.bot.get_chat_member(cave.id, listener.bot.id), ChatMemberAdministrator)
    assert (await listener.bot.get_chat_member(cave.id, mia.id)).status == "left"
    assert (await listener.bot.get_chat(cave.id)).title == "Cave"
    asked = leo.says(cave, "/animate")
    await listener.bot.set_message_reaction(cave.id, asked.id, "👀")
    assert asked.reactions[kit.bot.id] == ("👀",)
    await listener.bot.send_chat_action(cave.id, "upload_video")
    assert kit.chat_actions == [(cave.id, "upload_video")]
    with pytest.raises(CannotDo, match="Mia is not in Cave"):
        mia.says(cave, "hello")
    with pytest.raises(CannotDo, match="no reaction 🔁"):
        leo.reacts(asked, "🔁")
