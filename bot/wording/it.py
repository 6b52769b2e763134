"""Italian."""

from __future__ import annotations

from bot.chat import Action
from bot.wording.discord_words import DiscordWords, Named
from bot.wording.table import Style, Table
from bot.wording.telegram_words import TelegramWords


def _ordinal(number: int) -> str:
    return f"{number}º"


TABLE = Table(
    ordinal=_ordinal,
    decimal_mark=",",
    film="«{prompt}» · {seconds}",
    film_seed=" · seme {seed}",
    film_style=" · stile {style}",
    film_gif=" · GIF",
    film_covered=" · spoiler",
    alt_text="L'immagine animata: {prompt}",
    model_note="Il modello «{model}» è {note}.",
    model_notes={
        "little": "piccolo: muove la camera e la luce, nient'altro",
        "tiny": "non addestrato: i suoi filmati sono rumore e provano solo che il meccanismo funziona",
    },
    wish_beyond_model="Questo modello muove solo la camera e la luce: farò un leggero zoom in avanti. "
    "Capisce richieste come «zoom indietro», «panoramica a sinistra» e «cala la notte».",
    model_stays_lit="Con questo modello un filmato non finisce nel nero: resta circa un quarto della luce.",
    model_stands_still="Con questo modello la camera si muove per circa {most} s; "
    "un filmato più lungo resta fermo per un po'.",
    seed_varies_nothing="Con questo modello un altro seme dà quasi lo stesso filmato, "
    "perciò nulla è stato disegnato o addebitato: prova con altre parole.",
    styles={
        "gentle": Style(name="dolce", phrase="movimento lento, morbido e dolce"),
        "lively": Style(name="vivace", phrase="movimento rapido, vivace e giocoso"),
        "cinematic": Style(name="cinematografico", phrase="camera fluida, luce e profondità da cinema"),
    },
    queued="🎬 In coda: {position} posto, circa {wait}. {film}",
    queued_unmeasured="🎬 In coda: {position} posto. {film}",
    interrupted="🔌 Il lavoro si è interrotto. Il tuo posto in coda resta (ora {position}). {film}",
    paused="🎮 L'host sta usando la scheda. Si riprende quando la restituisce; il tuo posto in coda resta. "
    "Ora {position}: {film}",
    paused_for_now="🎮 L'host sta usando la scheda per un po'. Poi si riprende da sé; il tuo posto in coda resta. "
    "Ora {position}: {film}",
    engine_down="🔧 Il motore dell'host è fermo dal {since}; continuo a riprovare. Il tuo posto "
    "in coda resta (ora {position}). {film}",
    starting="⏳ La scheda si sta scaldando… {film}",
    part="🎞 Parte {part} di {parts}",
    part_left=" · ancora circa {left}",
    ending_first=" · Il finale viene disegnato per primo.",
    finishing="🎞 Tutte le parti sono pronte; monto il filmato…",
    done="✨ {film} · pronto in {took}",
    prompt_unread="Di un testo così lungo il modello legge solo l'inizio: si è fermato a «{kept}», "
    "{count} caratteri prima della fine.",
    credit="Da un filmato chiesto da {name}.",
    first_frame="L'immagine è animata; il filmato parte dal suo primo fotogramma.",
    cropped_width="L'immagine è molto larga: il filmato ne mostra il {percent} % centrale della larghezza. Per vederla "
    "tutta, fra bande nere, chiedilo di nuovo con la parola «letterbox» alla fine.",
    cropped_height="L'immagine è molto alta: il filmato ne mostra il {percent} % centrale dell'altezza. Per vederla "
    "tutta, fra bande nere, chiedilo di nuovo con la parola «letterbox» alla fine.",
    letterboxed="Letterbox: il filmato mostra tutta l'immagine, fra bande nere.",
    reduced_quality="Inviato in qualità ridotta: il filmato era troppo grande per questa chat.",
    reduced_sides="Inviato più piccolo, {width}x{height}: il filmato era troppo grande per questa chat.",
    reduced_to_gif="Inviato solo come GIF: il filmato era troppo grande per questa chat.",
    film_lost="⚠️ Il filmato era pronto, ma il suo file si è guastato sul disco dell'host prima dell'invio. "
    "Nulla è stato addebitato; puoi chiedere di nuovo lo stesso filmato.",
    purged="non più conservato",
    unreached="non si è potuto pubblicare nella sua chat",
    failed="⚠️ {reason} Nulla è stato addebitato.",
    failures={
        "out_of_memory": "La scheda ha esaurito la memoria.",
        "bad_numbers": "Il modello ha prodotto numeri impossibili.",
        "poison": "Questo filmato ha fermato il motore due volte.",
        "engine_error": "Il motore ha incontrato un errore imprevisto.",
        "picture_lost": "L'immagine non è più conservata, o il suo file è danneggiato.",
        "segments": "Le parti del filmato non si possono unire.",
        "preview": "Non è stato possibile fare un'anteprima.",
        "other_model": "Era stato chiesto a un altro modello, che questo host non usa più.",
        "bad_film": "Il filmato non si può leggere.",
        "too_big": "Il filmato non si può rendere abbastanza piccolo.",
    },
    cancelled="✖️ Annullato da {name}. Rimborsati {returned}.",
    cancelled_nothing_returned="✖️ Annullato da {name}. Era già tutto pronto, quindi non c'è nulla da rimborsare.",
    cancelled_by_other="✖️ Annullato da un moderatore. Rimborsati {returned}.",
    expired="💤 Ha atteso {hours} h mentre l'host era spento. Rimborsato.",
    closed_done="Il tuo filmato è pronto, ma non ho potuto pubblicarlo dove l'hai chiesto: {film}. "
    "L'ho conservato: /history lo ripubblica.",
    closed_ended="Non posso più scrivere dove hai chiesto questo filmato: {film}. {ending}",
    seconds="{count} s",
    minutes="{count} min",
    hours="{hours} h {minutes} min",
    actions={
        Action.REROLL: "Un altro seme",
        Action.EXTEND: "Prolunga",
        Action.EDIT: "Cambia testo",
        Action.CANCEL: "Annulla",
        Action.RETRY: "Riprova",
        Action.SHORTER: "Riprova più breve",
        Action.DELETE: "Elimina",
        Action.HIDE: "Nascondi",
    },
    queue_again="Rimetti in coda",
    seconds_refused="«{given}» non è una durata valida; i secondi devono essere un numero da {least} a {most}, "
    "come 2,5.",
    seed_refused="«{given}» non è un seme valido; deve essere un numero intero da 0 a {most}.",
    steps_refused="«{given}» non è un numero di passi valido; deve essere un numero intero da {least} a {most}.",
    size_refused="«{given}» non è una dimensione valida; deve essere un multiplo di {multiple} da {least} a {most} "
    "pixel.",
    schedule_unknown="Il modello «{model}» non conosce l'ordine «{given}»; può disegnare: {allowed}.",
    style_unknown="«{given}» non è uno stile; scegli fra: {allowed}.",
    option_unread="L'ho letto come parte del testo, non come opzione: {given}. Le opzioni si scrivono così: 5s, "
    "seme 7, "
    "stile dolce, gif, spoiler.",
    prompt_too_long="Il testo ha {count} caratteri; al massimo possono essere {most}. Accorcialo.",
    end_picture_forward="Un'immagine finale richiede l'ordine «inverted», perché «forward» non guarda mai avanti; "
    "togli uno dei due.",
    end_picture_forward_only="Il modello «{model}» disegna solo in avanti e non può puntare a un'immagine finale; "
    "toglila.",
    unknown_request="Qui non c'è nessun filmato numero {request_id}.",
    not_done="Il filmato {request_id} è {state}; solo un filmato finito si può ridisegnare o prolungare.",
    not_ended="Il filmato {request_id} è {state}; si può riprovare solo ciò che è fallito, scaduto o annullato.",
    not_yours="Il filmato {request_id} è di un'altra persona; solo chi l'ha chiesto può prolungarlo.",
    other_model="Il filmato {request_id} è stato disegnato dal modello «{drawn}», ma ora questo host usa «{served}»; "
    "chiedi un filmato nuovo.",
    media_gone="I file del filmato {request_id} non sono più conservati; invia di nuovo l'immagine per un filmato "
    "nuovo.",
    stopping="Il bot si sta fermando; riprova fra qualche minuto. Nulla è stato addebitato.",
    disk_full="Il disco dell'host è quasi pieno e non si accettano nuovi filmati; riprova più tardi.",
    quota="Ti restano {left} di video{where} e questo filmato ne richiede {needed}{back}.",
    quota_try="Ti restano {left} di video{where} e questo filmato ne richiede {needed}; prova con {possible}{back}.",
    quota_everywhere=" in tutte le comunità insieme",
    quota_back=", oppure torna fra circa {wait}",
    refused_end_picture="L'immagine finale non si può usare. {reason}",
    refusals={
        "queue_full": "La coda è piena, con {count} filmati: riprova fra un po'.",
        "waiting_already": "Hai già filmati in attesa: {count}. Lascia che uno cominci, o annullane uno, "
        "prima di chiederne altri.",
        "wait_too_long": "Il tuo filmato aspetterebbe circa {wait_ms}, e qui si promettono al massimo {most_ms}: "
        "riprova più tardi.",
        "disk_full": "Il disco dell'host è quasi pieno e non si accettano nuovi filmati; riprova più tardi.",
        "database_away": "Il database dell'host è assente per un momento: riprova fra poco.",
        "database_busy": "Il database dell'host è occupato: riprova fra poco.",
        "unknown_film": "Non c'è nessun filmato numero {request_id} che tu possa cambiare.",
        "reroll_open": "Hai già chiesto di ridisegnare il filmato {request_id}: aspetta che sia finito.",
        "reroll_too_soon": "Hai appena chiesto di ridisegnare un filmato: riprova fra circa {wait_ms}.",
        "rerolled_out": "Il filmato {request_id} è già stato ridisegnato {most} volte, il massimo qui: "
        "chiedi un filmato nuovo con l'immagine.",
        "still_open": "Il filmato {request_id} non è ancora finito: piuttosto annullalo.",
        "no_film": "Non c'è nessun filmato {request_id} da coprire.",
        "picture_empty": "L'immagine è vuota: il file non contiene nulla.",
        "picture_heavy": "L'immagine è di {megabytes} MB; se ne accettano al massimo {most}.",
        "picture_heic": "Le foto HEIC qui non si possono leggere; mandala come JPEG o PNG.",
        "no_picture": "Questo file non è un'immagine; manda un file {accepted}.",
        "picture_small": "L'immagine è di {width}x{height} pixel; ogni lato deve averne almeno {least}.",
        "picture_large": "L'immagine è di {width}x{height} pixel; si accettano al massimo {most} megapixel, "
        "quindi rimpiccioliscila.",
        "picture_layers": "Il JPEG è fatto di troppi strati; salvalo di nuovo.",
        "picture_costly": "Aprire questa immagine richiede troppo tempo o troppa memoria; salvala di nuovo "
        "come JPEG o PNG.",
        "pictures_unread": "In questo momento l'host non può leggere immagini; riprova fra qualche minuto.",
        "picture_variant": "Questo tipo di file {format} qui non si può leggere; salvalo di nuovo come JPEG o PNG.",
        "picture_damaged": "Il file {format} è danneggiato o incompleto; mandalo ancora, o salvalo di nuovo.",
        "picture_invisible": "L'immagine è del tutto trasparente: non c'è nulla da animare.",
    },
    queue_title="🎬 In lavorazione e in attesa:",
    queue_empty="Nulla è in lavorazione e nulla è in attesa: il tuo /animate sarebbe il primo.",
    queue_line="{position} · {film} · {name}",
    queue_line_drawn="🎞 ora · {film} · {name}",
    queue_wait=" · circa {wait}",
    queue_more="… e altri {count}",
    yours="tuo",
    quota_page="Ti restano {left} di video{where}, su un massimo di {burst}; ogni giorno ne tornano {refill}. "
    "In attesa: {queued}, in lavorazione: {running}.",
    quota_here=" qui",
    quota_card="La scheda di questo host disegna {burst} di video in circa {wait}.",
    history_title="I tuoi filmati, dal più recente:",
    history_empty="Non hai ancora filmati: fai il primo con /animate.",
    history_line="{request_id} · {state} · {film}",
    privacy="Le tue immagini sono conservate per {hours} h dopo la fine di un filmato, i filmati per {days} giorni; "
    "poi si cancellano. I testi e chi ha chiesto che cosa restano nella banca dati del bot, sul computer dell'host; "
    "nulla va ad altri. Eliminare un filmato ne cancella i file entro un minuto. L'host può cancellare tutto "
    "ciò che è tuo, e con esso ciò che altri hanno fatto dei tuoi filmati: chiediglielo.",
    states={
        "queued": "ancora in coda",
        "running": "ancora in lavorazione",
        "done": "finito",
        "failed": "fallito",
        "cancelled": "annullato",
        "expired": "scaduto",
    },
    link_refused="Questo codice non è valido: è sbagliato, già usato o più vecchio di {minutes} minuti. "
    "Chiedine uno nuovo con /link.",
    link_tried_out="Hai provato troppi codici; riprova fra circa {wait}.",
    link_same="Anche questo codice viene da {platform}: chiedilo sull'altra piattaforma e invialo qui.",
    link_taken="Sei già collegato con qualcuno su {platform}.",
    platforms={"discord": "Discord", "telegram": "Telegram", "terminal": "il terminale"},
    discord=DiscordWords(
        animate=Named(name="anima", help="Anima un'immagine"),
        image=Named(name="immagine", help="L'immagine"),
        prompt=Named(name="testo", help="Che cosa deve muoversi, e come"),
        seconds=Named(name="secondi", help="Durata del filmato in secondi, come 2,5"),
        end_image=Named(name="immagine_finale", help="Come deve finire il filmato"),
        seed=Named(name="seme", help="Lo stesso seme disegna lo stesso filmato"),
        style=Named(name="stile", help="Come deve muoversi"),
        spoiler=Named(name="spoiler", help="Nascondi il filmato dietro uno spoiler"),
        queue=Named(name="coda", help="Che cosa è in lavorazione e che cosa è in attesa"),
        quota=Named(name="quota", help="Quanti secondi di video ti restano"),
        history=Named(name="cronologia", help="I tuoi filmati; ripubblicane uno"),
        privacy=Named(name="privacy", help="Che cosa si conserva di te, e per quanto"),
        link=Named(name="collega", help="Una quota e una cronologia per te qui e su un'altra piattaforma"),
        code=Named(
            name="codice", help="Il codice del bot sull'altra piattaforma; lascialo vuoto per riceverne uno qui"
        ),
        help=Named(name="aiuto", help="Che cosa sa fare Flipbook"),
        animate_message="Anima questa immagine",
        form_title="Anima questa immagine",
        form_picture="Quale immagine?",
        form_picture_number="Immagine {number}: {name}",
        form_prompt="Che cosa deve muoversi, e come?",
        form_seconds="Secondi",
        edit_title="Nuovo testo per il filmato {request_id}",
        help_text="Flipbook dà vita a un'immagine. Usa /anima con un'immagine e scrivi che cosa deve muoversi; oppure "
        "apri il menu di un messaggio con un'immagine: App, Anima questa immagine.\n"
        "Sotto un filmato: 🔁 lo ridisegna con un altro seme (basta anche la reazione; toglila per annullare), "
        "✏️ con un altro testo, ➕ continua dall'ultimo fotogramma, 🗑️ lo elimina, 🙈 lo nasconde dietro uno spoiler. "
        "Paga chi preme.\n"
        "/coda mostra che cosa è in attesa, /quota quanto ti resta, /cronologia i tuoi filmati.",
        earlier="Precedenti",
        newest="Più recenti",
        post_again="Ripubblica uno di questi…",
        post_again_film="Filmato {request_id}",
        permissions={
            "view_channel": "Vedere il canale",
            "send_messages": "Inviare messaggi",
            "send_messages_in_threads": "Inviare messaggi nei thread",
            "attach_files": "Allegare file",
            "read_message_history": "Leggere la cronologia messaggi",
        },
        permission_missing="Qui non posso pubblicare il filmato, perché mi manca: {permissions}. "
        "Chiedi a un moderatore di permetterlo, o usa un altro canale. Nulla è stato addebitato.",
        thread_locked="Questo thread è bloccato e non posso pubblicarvi il filmato; usa un altro canale. "
        "Nulla è stato addebitato.",
        no_pictures="Non trovo immagini in questo messaggio; scegline uno con un'immagine allegata o un link.",
        form_forgotten="Il bot è stato riavviato mentre il modulo era aperto; scegli di nuovo il messaggio.",
        upload_empty="Il file è vuoto (0 byte); carica di nuovo l'immagine.",
        upload_too_large="Il file supera {most} MB; carica un'immagine più piccola.",
        upload_expired="Discord non ha più questo file; carica di nuovo l'immagine.",
        upload_slow="L'immagine non è arrivata entro {seconds} s; riprova. Nulla è stato addebitato.",
        upload_failed="Non ho potuto scaricare l'immagine da Discord; riprova. Nulla è stato addebitato.",
        again_soon="Un filmato alla volta: aspetta qualche secondo, poi sceglilo di nuovo.",
        again_too_large="Il filmato {request_id} non si può rimpicciolire abbastanza per questo canale; prova in "
        "un altro.",
        again_closed="Discord non mi lascia pubblicare qui il filmato; prova in un altro canale o in privato.",
        forged="Questo comando non appartiene a questo messaggio.",
        no_longer="Questo comando non esiste più; fra poco Discord mostrerà quelli nuovi.",
        broken="⚠️ Qualcosa è andato storto sull'host. Nulla è stato addebitato; riprova.",
        unanswered="Discord non mi ha lasciato risponderti in tempo, quindi non ho fatto nulla. Riprova tra poco.",
        lost_before_accepted="🔌 L'host è stato riavviato prima che la tua richiesta fosse salvata. "
        "Nulla è stato addebitato; chiedi di nuovo.",
        begins="Inizia {when}",
        enough="Avrai di nuovo abbastanza per questo filmato {when}",
        asked="🎬 Aggiunto alla coda: filmato {request_id}.",
        deleted="🗑️ Il filmato {request_id} è stato eliminato.",
        deleted_not_all="🗑️ Non conservo più il filmato {request_id}, ma non tutti i suoi messaggi sono ancora "
        "spariti: continuo a provare per una settimana. Dove una discussione è bloccata o mi manca un permesso può "
        "eliminarli un moderatore.",
        hidden="🙈 Il filmato {request_id} ora è nascosto dietro uno spoiler.",
        hide_counted="🙈 Va bene. Il filmato {request_id} sarà nascosto quando lo chiederanno abbastanza membri.",
        link_code="Invia /link {code} al bot sull'altra piattaforma entro {minutes} min. "
        "I tuoi due account avranno così una sola quota e una sola cronologia. Non mostrare il codice a nessuno.",
        linked="Fatto: i tuoi due account ora hanno una sola quota e una sola cronologia.",
        posted_again="Il filmato {request_id} è stato ripubblicato.",
    ),
    telegram=TelegramWords(
        commands={
            "animate": "Anima un'immagine: inviala con /animate e cosa deve muoversi, o rispondi a una",
            "queue": "Cosa è in lavorazione e cosa è in attesa",
            "quota": "Quanti secondi di video ti restano",
            "history": "I tuoi filmati; ripubblicane uno",
            "cancel": "Annulla uno dei tuoi filmati",
            "help": "Cosa sa fare Flipbook",
            "privacy": "Cosa si conserva di te, e per quanto",
            "link": "Collega il tuo account Discord: una sola quota, una sola cronologia",
        },
        permissions={
            "can_send_messages": "Inviare messaggi",
            "can_send_photos": "Inviare foto",
            "can_send_videos": "Inviare video",
            "can_send_other_messages": "Inviare sticker e GIF",
        },
        animate_help="🎬 Invia un'immagine con /animate e qualche parola su cosa deve muoversi:\n"
        "/animate avvicinati alla volpe 5s\n"
        "Oppure rispondi così a un'immagine. Puoi aggiungere: 5s, seme 7, stile dolce (vivace, cinematografico), "
        "gif, spoiler.",
        help_text="🎬 Animo immagini. Inviane una con la didascalia\n"
        "/animate avvicinati alla volpe 5s\n"
        "o rispondi così a una. Puoi aggiungere: 5s, seme 7, stile dolce (o vivace, cinematografico), gif, spoiler.\n\n"
        "Sotto un filmato: ⚡ lo ridisegna con un altro seme, ✏️ con un altro testo, ➕ continua dall'ultimo "
        "fotogramma, 🗑 lo elimina, 🙈 lo nasconde dietro uno spoiler. Dove sono amministratore, le "
        "reazioni ⚡ 👎 🙈 fanno lo stesso.\n\n"
        "/queue mostra chi è in attesa, /quota cosa ti resta, /history i tuoi filmati, /cancel ne annulla uno. In "
        "privato, "
        "t.me/{username}, /link collega il tuo account Discord.",
        album_note="Di un album animo l'immagine che ha la didascalia.",
        words_alone="🎬 Inviami un'immagine con una didascalia che dice cosa deve muoversi, o rispondi a un'immagine "
        "con le tue parole. /help ti dice di più.",
        picture_alone="🎬 Cosa deve muoversi? Rispondi all'immagine con le tue parole, o con il solo /animate e "
        "scelgo io.",
        unknown_command="Non conosco {command}. /help ti dice cosa so fare.",
        mistyped_command="Non conosco {command}. Intendevi {meant}?",
        in_channel="Nei canali non funziono: qui non so chi scrive, e i filmati si contano per persona. Chiedimelo in "
        "un gruppo o in privato.",
        film_line="✨ {name}, ecco il tuo filmato…",
        again_button="Ripubblica {request_id}",
        earlier_button="▶️ Precedenti",
        edit_ask="✏️ {name}, rispondi a questo messaggio con il nuovo testo per {film}.",
        edit_film="il filmato {request_id}",
        edit_placeholder="Cosa deve muoversi, e come",
        in_private="Questo resta fra te e me: chiedimelo in privato.",
        private_button="Chiedi in privato",
        cancel_none="Qui non hai filmati da annullare.",
        cancel_which="Quale? {numbers}",
        cancel_done="✖️ Il filmato {request_id} è annullato.",
        cancel_over="Il filmato {request_id} è già {state}: non c'è nulla da annullare.",
        cancel_wished="✖️ Il filmato {request_id} viene annullato.",
        asked="🎬 Aggiunto alla coda: filmato {request_id}.",
        deleted="🗑 Il filmato {request_id} è stato eliminato.",
        deleted_not_all="🗑 Il filmato {request_id} è stato eliminato, ma Telegram non mi lascia togliere tutti i "
        "messaggi.",
        hidden="🙈 Il filmato {request_id} ora è nascosto dietro uno spoiler.",
        hide_counted="🙈 Va bene. Il filmato {request_id} sarà nascosto quando lo chiederanno abbastanza membri.",
        posted_again="Il filmato {request_id} è stato ripubblicato.",
        again_soon="Un filmato alla volta: aspetta qualche secondo, poi premi di nuovo.",
        again_refused="Telegram non mi lascia inviare qui il filmato {request_id}.",
        link_code="🔗 Il tuo codice: {code}\nInvialo su Discord con /link entro {minutes} minuti. I tuoi due account "
        "avranno così una sola quota e una sola cronologia. Non mostrarlo a nessuno. Se hai un codice di Discord, "
        "invia /link e il codice.",
        link_done="🔗 Collegati: i tuoi due account ora hanno una sola quota e una sola cronologia.",
        permission_missing="Qui non posso ancora pubblicare filmati. Un amministratore deve prima permettermi: "
        "{permissions}.",
        anonymous="Qui non vedo chi sei e non posso contare i tuoi filmati. Scrivi con il tuo nome.",
        no_picture="Non è un'immagine che so animare: invia una foto, o un'immagine come file (JPEG, PNG, WebP, GIF).",
        sticker_animated="Gli sticker animati di questo tipo non si possono leggere: invia uno sticker fermo, una foto "
        "o un'immagine come file.",
        upload_too_large="Il file supera i {most} MB che posso scaricare; invia un'immagine più piccola.",
        upload_expired="Telegram non ha più questo file; invia di nuovo l'immagine.",
        upload_slow="L'immagine non è arrivata entro {seconds} s; riprova. Nulla è stato addebitato.",
        upload_failed="Non ho potuto scaricare l'immagine da Telegram; riprova. Nulla è stato addebitato.",
        given_up="⚠️ Mi sono fermato due volte su questo messaggio e non riprovo. Nulla è stato addebitato; se "
        "c'era un'immagine, inviane un'altra.",
        took_too_long="⚠️ Ci voleva troppo tempo e ho rinunciato. Nulla è stato addebitato; riprova.",
        forged="Questo pulsante non appartiene a questo messaggio.",
        unreachable="Telegram al momento non è raggiungibile; riprova fra poco. Nulla è stato addebitato.",
        broken="⚠️ Qualcosa è andato storto sull'host. Nulla è stato addebitato; riprova.",
    ),
)
