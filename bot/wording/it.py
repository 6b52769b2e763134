"""Italian."""

from __future__ import annotations

from bot.chat import Action
from bot.wording.table import Table


def _ordinal(number: int) -> str:
    return f"{number}º"


TABLE = Table(
    ordinal=_ordinal,
    decimal_mark=",",
    film="«{prompt}» · {seconds}",
    alt_text="L'immagine animata: {prompt}",
    model_note="Il modello «{model}» è {note}.",
    model_notes={"tiny": "non addestrato: i suoi filmati sono rumore e provano solo che il meccanismo funziona"},
    queued="🎬 In coda: {position} posto, circa {wait}. {film}",
    queued_unmeasured="🎬 In coda: {position} posto. {film}",
    interrupted="🔌 Il disegno è stato interrotto. Il tuo posto è conservato (ora {position}). {film}",
    starting="⏳ La scheda si sta scaldando… {film}",
    part="🎞 Parte {part} di {parts}",
    part_left=" · ancora circa {left}",
    ending_first=" · Il finale viene disegnato per primo.",
    finishing="🎞 Tutte le parti sono disegnate; monto il filmato…",
    done="✨ {film} · seme {seed} · durata del lavoro {took}",
    film_lost="⚠️ Il filmato era pronto, ma il suo file si è guastato sul disco dell'host prima dell'invio. "
    "Nulla è stato addebitato; si può ridisegnare lo stesso filmato.",
    purged="non più conservato",
    failed="⚠️ {reason} Nulla è stato addebitato.",
    failures={
        "out_of_memory": "La scheda ha esaurito la memoria.",
        "bad_numbers": "Il modello ha prodotto numeri impossibili.",
        "poison": "Questo filmato ha fermato il motore due volte.",
    },
    cancelled="✖️ Annullato. Restituiti {returned}.",
    cancelled_nothing_returned="✖️ Annullato. Era già tutto disegnato, quindi nulla viene restituito.",
    expired="💤 Ha atteso {hours} h mentre l'host era assente. Rimborsato.",
    seconds="{count} s",
    minutes="{count} min",
    hours="{hours} h {minutes} min",
    actions={
        Action.REROLL: "Un altro seme",
        Action.EXTEND: "Prolunga",
        Action.CANCEL: "Annulla",
        Action.RETRY: "Riprova",
    },
    seconds_refused="«{given}» non è una durata; i secondi devono essere un numero da {least} a {most}, come 2,5.",
    seed_refused="«{given}» non è un seme; deve essere un numero intero da 0 a {most}.",
    steps_refused="«{given}» non è un numero di passi; deve essere un numero intero da {least} a {most}.",
    size_refused="«{given}» non è una dimensione; deve essere un multiplo di {multiple} da {least} a {most} pixel.",
    schedule_unknown="L'ordine «{given}» non è fra quelli imparati dal modello «{model}»; può disegnare: {allowed}.",
    prompt_too_long="Il testo ha {count} caratteri; se ne leggono al massimo {most}, quindi accorcialo.",
    end_picture_forward="Un'immagine finale richiede l'ordine «inverted», perché «forward» non guarda mai avanti; "
    "togli uno dei due.",
    end_picture_forward_only="Il modello «{model}» disegna solo in avanti e non può mirare a un'immagine finale; "
    "toglila.",
    unknown_request="Qui non c'è nessun filmato numero {request_id}.",
    not_done="Il filmato {request_id} è {state}; solo un filmato finito si può ridisegnare o prolungare.",
    not_ended="Il filmato {request_id} è {state}; si può riprovare solo ciò che è fallito, scaduto o annullato.",
    not_yours="Il filmato {request_id} è di un'altra persona; solo chi l'ha chiesto può prolungarlo.",
    other_model="Il filmato {request_id} è stato disegnato dal modello «{drawn}», ma ora questo host usa «{served}»; "
    "chiedi un filmato nuovo.",
    media_gone="I file del filmato {request_id} non sono più conservati; chiedi un filmato nuovo con l'immagine.",
    disk_full="Il disco dell'host è quasi pieno e non si accettano nuovi filmati; riprova più tardi.",
    quota="Ti restano {left} di video e questo filmato ne richiede {needed}{back}.",
    quota_try="Ti restano {left} di video e questo filmato ne richiede {needed}; prova con {possible}{back}.",
    quota_back=", oppure torna fra circa {wait}",
    states={
        "queued": "ancora in coda",
        "running": "ancora in lavorazione",
        "done": "finito",
        "failed": "fallito",
        "cancelled": "annullato",
        "expired": "scaduto",
    },
)
