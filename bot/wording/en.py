"""English."""

from __future__ import annotations

from bot.chat import Action
from bot.wording.discord_words import DiscordWords, Named
from bot.wording.table import Style, Table
from bot.wording.telegram_words import TelegramWords


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


TABLE = Table(
    ordinal=_ordinal,
    decimal_mark=".",
    film="“{prompt}” · {seconds}",
    film_seed=" · seed {seed}",
    film_style=" · style {style}",
    film_gif=" · GIF",
    film_covered=" · spoiler",
    alt_text="The picture, animated: {prompt}",
    model_note="Model “{model}” is {note}.",
    model_notes={},
    wish_beyond_model="This model moves only the camera and the light, so I will zoom in gently. "
    "It understands wishes such as “zoom out”, “pan left” and “night falls”.",
    model_stays_lit="With this model a film does not end black: about a quarter of the light stays.",
    model_stands_still="With this model the camera moves for about {most} s; a longer film stands still for a while.",
    seed_varies_nothing="With this model another seed gives nearly the same film, so nothing was drawn or charged: "
    "ask with other words instead.",
    styles={
        "gentle": Style(name="gentle", phrase="slow, soft and gentle motion"),
        "lively": Style(name="lively", phrase="quick, lively and playful motion"),
        "cinematic": Style(name="cinematic", phrase="smooth camera movement, cinematic light and depth"),
    },
    queued="🎬 Queued: {position}, about {wait}. {film}",
    queued_unmeasured="🎬 Queued: {position}. {film}",
    interrupted="🔌 Drawing was interrupted. Your place is kept (now {position}). {film}",
    paused="🎮 The host is using the card. Drawing goes on when they hand it back; your place is kept. "
    "Now {position}: {film}",
    paused_for_now="🎮 The host is using the card for a while. Drawing then goes on by itself; your place is kept. "
    "Now {position}: {film}",
    engine_down="🔧 The host's engine has been down since {since}; I keep trying to start it. Your place is kept "
    "(now {position}). {film}",
    starting="⏳ Warming up the card… {film}",
    part="🎞 Part {part} of {parts}",
    part_left=" · about {left} left",
    ending_first=" · The ending is drawn first.",
    finishing="🎞 All parts are drawn; joining them…",
    done="✨ {film} · took {took}",
    prompt_unread="The model reads only the beginning of so long a prompt: it stopped at “{kept}”, "
    "{count} characters before the end.",
    credit="From a film that {name} asked for.",
    first_frame="The picture is animated; the film starts from its first frame.",
    cropped_width="The picture is very wide: the film shows the middle {percent} % of its width. To see all of it, "
    "between black bars, ask again with the word “letterbox” at the end.",
    cropped_height="The picture is very tall: the film shows the middle {percent} % of its height. To see all of it, "
    "between black bars, ask again with the word “letterbox” at the end.",
    letterboxed="Letterbox: the film shows the whole picture, between black bars.",
    reduced_quality="Sent in lower quality: the film was too large for this chat.",
    reduced_sides="Sent smaller, {width}x{height}: the film was too large for this chat.",
    reduced_to_gif="Sent only as a GIF: the film was too large for this chat.",
    film_lost="⚠️ The film was drawn, but its file was damaged on the host's disk before it could be sent. "
    "Nothing was charged; you can have the same film drawn again.",
    purged="no longer kept",
    unreached="could not be posted in its chat",
    failed="⚠️ {reason} Nothing was charged.",
    failures={},
    cancelled="✖️ Cancelled by {name}. {returned} refunded.",
    cancelled_nothing_returned="✖️ Cancelled by {name}. It had already been drawn, so nothing is refunded.",
    cancelled_by_other="✖️ Cancelled by a moderator. {returned} refunded.",
    expired="💤 Waited {hours} h while the host was away. Refunded.",
    closed_done="Your film is ready, but I could not post it where you asked for it: {film}. "
    "I have kept it: /history posts it again.",
    closed_ended="I can no longer post where you asked for this film: {film}. {ending}",
    seconds="{count} s",
    minutes="{count} min",
    hours="{hours} h {minutes} min",
    actions={
        Action.REROLL: "Another seed",
        Action.EXTEND: "Extend",
        Action.EDIT: "Change prompt",
        Action.CANCEL: "Cancel",
        Action.RETRY: "Try again",
        Action.SHORTER: "Try shorter",
        Action.DELETE: "Delete",
        Action.HIDE: "Hide",
    },
    queue_again="Queue again",
    seconds_refused="“{given}” is not a valid length; seconds must be a number from {least} to {most}, such as 2.5.",
    seed_refused="“{given}” is not a valid seed; it must be a whole number from 0 to {most}.",
    steps_refused="“{given}” is not a valid number of steps; it must be a whole number from {least} to {most}.",
    size_refused="“{given}” is not a valid size; it must be a multiple of {multiple} from {least} to {most} pixels.",
    schedule_unknown="Model “{model}” was not trained for the schedule “{given}”; it can draw: {allowed}.",
    style_unknown="“{given}” is not a style; choose one of: {allowed}.",
    option_unread="I read this as part of the prompt, not as an option: {given}. Options look like this: 5s, seed 7, "
    "style gentle, gif, spoiler.",
    prompt_too_long="The prompt has {count} characters; at most {most} are allowed. Please shorten it.",
    end_picture_forward="An end picture needs the inverted schedule, because the forward one never looks ahead; "
    "leave out one of the two.",
    end_picture_forward_only="Model “{model}” only draws forward and cannot aim for an end picture; leave it out.",
    unknown_request="There is no film number {request_id} here.",
    not_done="Film {request_id} is {state}; only a finished film can be drawn again or extended.",
    not_ended="Film {request_id} is {state}; only one that failed, expired or was cancelled can be tried again.",
    not_yours="Film {request_id} belongs to someone else; only the person who asked for it can extend it.",
    other_model="Film {request_id} was drawn by model “{drawn}”, but this host now draws with “{served}”; "
    "start a new film instead.",
    media_gone="The files of film {request_id} are no longer kept; send the picture again for a new film.",
    stopping="The bot is shutting down; please ask again in a few minutes. Nothing was charged.",
    disk_full="The host's disk is nearly full, so no new films are accepted; please try again later.",
    quota="You have {left} of video left{where} and this film needs {needed}{back}.",
    quota_try="You have {left} of video left{where} and this film needs {needed}; try {possible}{back}.",
    quota_everywhere=" in all communities together",
    quota_back=", or come back in about {wait}",
    refused_end_picture="The end picture cannot be used. {reason}",
    refusals={},
    queue_title="🎬 Being drawn and waiting:",
    queue_empty="Nothing is being drawn and nothing is waiting: your /animate would be first.",
    queue_line="{position} · {film} · {name}",
    queue_line_drawn="🎞 now · {film} · {name}",
    queue_wait=" · about {wait}",
    queue_more="… and {count} more",
    yours="yours",
    quota_page="You have {left} of video left{where}, of {burst} at most; {refill} come back each day. "
    "Waiting: {queued}, being drawn: {running}.",
    quota_here=" here",
    quota_card="This host's card draws {burst} of video in about {wait}.",
    history_title="Your films, newest first:",
    history_empty="You have no films yet: make your first one with /animate.",
    history_line="{request_id} · {state} · {film}",
    privacy="Your pictures are kept for {hours} h after a film has ended, films for {days} days; then both go. "
    "Prompts and numbers of who asked for what stay in the bot's own database on the host's computer; nothing is sent "
    "to anybody else. Deleting a film deletes its files within a minute. The host can erase everything of you, and "
    "with it what others made of your films: ask them.",
    states={
        "queued": "still queued",
        "running": "still being drawn",
        "done": "done",
        "failed": "failed",
        "cancelled": "cancelled",
        "expired": "expired",
    },
    link_refused="That code is not valid: it was mistyped, has been used, or is older than {minutes} minutes. "
    "Ask for a new one with /link.",
    link_tried_out="You have tried too many codes; try again in about {wait}.",
    link_same="That code is from {platform} too: get one on the other platform and send it here.",
    link_taken="You are already linked with somebody on {platform}.",
    platforms={"discord": "Discord", "telegram": "Telegram", "terminal": "the terminal"},
    discord=DiscordWords(
        animate=Named(name="animate", help="Animate a picture"),
        image=Named(name="image", help="The picture"),
        prompt=Named(name="prompt", help="What should move, and how"),
        seconds=Named(name="seconds", help="Length of the film in seconds, such as 2.5"),
        end_image=Named(name="end_image", help="How the film should end"),
        seed=Named(name="seed", help="The same seed draws the same film"),
        style=Named(name="style", help="How it should move"),
        spoiler=Named(name="spoiler", help="Hide the film behind a spoiler"),
        queue=Named(name="queue", help="What is being drawn and what is waiting"),
        quota=Named(name="quota", help="How many seconds of video you have left"),
        history=Named(name="history", help="Your films; post one again"),
        privacy=Named(name="privacy", help="What is stored about you, and for how long"),
        link=Named(name="link", help="One quota and one history for you here and on another platform"),
        code=Named(name="code", help="The code from the bot on the other platform; leave it out to get one here"),
        help=Named(name="help", help="What Flipbook can do"),
        animate_message="Animate this picture",
        form_title="Animate this picture",
        form_picture="Which picture?",
        form_picture_number="Picture {number}: {name}",
        form_prompt="What should move, and how?",
        form_seconds="Seconds",
        edit_title="New prompt for film {request_id}",
        help_text="Flipbook brings a picture to life. Use /animate with a picture and say what should move; or "
        "open the "
        "menu of a message with a picture: Apps, Animate this picture.\n"
        "Under a film: 🔁 draws it again with another seed (a reaction does the same; take it back to cancel), "
        "✏️ with a new prompt, ➕ continues from the last frame, 🗑️ deletes it, 🙈 hides it behind a spoiler. Whoever "
        "presses pays.\n"
        "/queue shows what is waiting, /quota what you have left, /history your films.",
        earlier="Earlier",
        newest="Newest",
        post_again="Post one of these again…",
        post_again_film="Film {request_id}",
        permissions={
            "view_channel": "View Channel",
            "send_messages": "Send Messages",
            "send_messages_in_threads": "Send Messages in Threads",
            "attach_files": "Attach Files",
            "read_message_history": "Read Message History",
        },
        permission_missing="I cannot post the film here because I am missing: {permissions}. "
        "Ask a moderator to allow that, or use another channel. Nothing was charged.",
        thread_locked="This thread is locked, so I cannot post the film here; use another channel. "
        "Nothing was charged.",
        no_pictures="I find no picture in this message; choose one with a picture attached or shown below a link.",
        form_forgotten="The bot was restarted while the form was open; please choose the message again.",
        upload_empty="The file is empty (0 bytes); please upload the picture again.",
        upload_too_large="The file is larger than {most} MB; please upload a smaller picture.",
        upload_expired="Discord no longer has this file; please upload the picture again.",
        upload_slow="The picture did not arrive within {seconds} s; please try again. Nothing was charged.",
        upload_failed="I could not download the picture from Discord; please try again. Nothing was charged.",
        again_soon="One film at a time, please: wait a few seconds, then choose it again.",
        again_too_large="Film {request_id} cannot be made small enough for this channel; try another one.",
        again_closed="Discord does not let me post the film here; try it in another channel or in a direct message.",
        forged="This control does not belong to this message.",
        no_longer="This command no longer exists; Discord will show the new ones shortly.",
        broken="⚠️ Something went wrong on the host. Nothing was charged; please try again.",
        unanswered="Discord did not let me answer you in time, so nothing was done. Please ask again in a moment.",
        lost_before_accepted="🔌 The host was restarted before your request was saved. "
        "Nothing was charged; please ask again.",
        begins="Starts {when}",
        enough="You will have enough for this film {when}",
        asked="🎬 Added to the queue: film {request_id}.",
        deleted="🗑️ Film {request_id} has been deleted.",
        deleted_not_all="🗑️ I no longer keep film {request_id}, but not all its messages are gone yet: I keep trying "
        "for a week. Where a thread is locked or I lack a permission, a moderator there can delete them.",
        hidden="🙈 Film {request_id} is now hidden behind a spoiler.",
        hide_counted="🙈 Noted. Film {request_id} will be hidden once enough members ask for it.",
        link_code="Send /link {code} to the bot on the other platform within {minutes} min. "
        "Your two accounts will then share one quota and one history. Show the code to nobody.",
        linked="Done: your two accounts now share one quota and one history.",
        posted_again="Film {request_id} has been posted again.",
    ),
    telegram=TelegramWords(
        commands={
            "animate": "Animate a picture: send it with /animate and what should move, or reply to one",
            "queue": "What is being drawn and what is waiting",
            "quota": "How many seconds of video you have left",
            "history": "Your films; post one again",
            "cancel": "Cancel one of your films",
            "help": "What Flipbook can do",
            "privacy": "What is stored about you, and for how long",
            "link": "Link your Discord account: one quota, one history",
        },
        permissions={
            "can_send_messages": "Send messages",
            "can_send_photos": "Send photos",
            "can_send_videos": "Send videos",
            "can_send_other_messages": "Send stickers and GIFs",
        },
        animate_help="🎬 Send a picture with /animate and a few words about what should move:\n"
        "/animate zoom in on the fox 5s\n"
        "Or reply to a picture with it. You can add: 5s, seed 7, style gentle (lively, cinematic), gif, spoiler.",
        help_text="🎬 I animate pictures. Send one with the caption\n"
        "/animate zoom in on the fox 5s\n"
        "or reply to one with it. You can add: 5s, seed 7, style gentle (or lively, cinematic), gif, spoiler.\n\n"
        "Under a film: ⚡ draws it again with another seed, ✏️ with a new prompt, ➕ continues from its last "
        "frame, 🗑 deletes it, 🙈 hides it behind a spoiler. Where I am an admin, the reactions ⚡ 👎 🙈 do the "
        "same.\n\n"
        "/queue shows who is waiting, /quota what you have left, /history your films, /cancel cancels one. In private, "
        "t.me/{username}, /link connects your Discord account.",
        album_note="Of an album, I animate the picture that has the caption.",
        words_alone="🎬 Send me a picture with a caption that says what should move, or reply to a picture with your "
        "words. /help tells you more.",
        picture_alone="🎬 What should move? Reply to the picture with your words, or with /animate alone to leave "
        "it to me.",
        unknown_command="I do not know {command}. /help tells you what I can do.",
        mistyped_command="I do not know {command}. Did you mean {meant}?",
        in_channel="I do not work in channels: I cannot tell who writes here, and films are counted for each person. "
        "Ask me in a group or in private.",
        film_line="✨ {name}, your film is here…",
        again_button="Post {request_id} again",
        earlier_button="▶️ Earlier",
        edit_ask="✏️ {name}, reply to this message with a new prompt for {film}.",
        edit_film="film {request_id}",
        edit_placeholder="What should move, and how",
        in_private="That is between you and me: ask me in private.",
        private_button="Ask in private",
        cancel_none="You have no film here that could be cancelled.",
        cancel_which="Which one? {numbers}",
        cancel_done="✖️ Film {request_id} is cancelled.",
        cancel_over="Film {request_id} is already {state}, so there is nothing to cancel.",
        cancel_wished="✖️ Film {request_id} is being cancelled.",
        asked="🎬 Added to the queue: film {request_id}.",
        deleted="🗑 Film {request_id} has been deleted.",
        deleted_not_all="🗑 Film {request_id} has been deleted, but Telegram does not let me remove all of its "
        "messages.",
        hidden="🙈 Film {request_id} is now hidden behind a spoiler.",
        hide_counted="🙈 Noted. Film {request_id} will be hidden once enough members ask for it.",
        posted_again="Film {request_id} has been posted again.",
        again_soon="One film at a time, please: wait a few seconds, then press again.",
        again_refused="Telegram does not let me send film {request_id} here.",
        link_code="🔗 Your code: {code}\nSend it on Discord with /link within {minutes} minutes. Your two accounts "
        "will then share one quota and one history. Show the code to nobody. If you have a code from Discord, send "
        "/link and the code.",
        link_done="🔗 Linked: your two accounts now share one quota and one history.",
        permission_missing="I cannot post films here yet. An admin must first allow: {permissions}.",
        anonymous="I cannot tell who you are here, so I cannot count your films. Please write as yourself.",
        no_picture="That is not a picture I can animate: send a photo, or an image as a file (JPEG, PNG, WebP, GIF).",
        sticker_animated="Animated stickers of this kind cannot be read: send a still sticker, a photo, or an image as "
        "a file.",
        upload_too_large="The file is larger than the {most} MB that I can fetch; please send a smaller picture.",
        upload_expired="Telegram no longer has this file; please send the picture again.",
        upload_slow="The picture did not arrive within {seconds} s; please try again. Nothing was charged.",
        upload_failed="I could not download the picture from Telegram; please try again. Nothing was charged.",
        given_up="⚠️ I stopped twice while working on this, so I will not try again. Nothing was charged; if there "
        "was a picture, please send another one.",
        took_too_long="⚠️ This took too long, so I gave it up. Nothing was charged; please try again.",
        forged="This button does not belong to this message.",
        unreachable="Telegram cannot be reached right now; please try again in a moment. Nothing was charged.",
        broken="⚠️ Something went wrong on the host. Nothing was charged; please try again.",
    ),
)
