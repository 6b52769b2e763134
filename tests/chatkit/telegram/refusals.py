"""The Bot API's refusals: HTTP status, sentence, parameters."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer with ok=false.

    broken_rule: the caller should have known better, whatever the state of the chat: listed among the kit's problems.
    """

    def __init__(self, status: int, description: str, *, broken_rule: bool = False, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.broken_rule = broken_rule
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"ok": False, "error_code": self.status, "description": self.description}
        return {**body, "parameters": self.parameters} if self.parameters else body


def bad_request(sentence: str) -> Refusal:
    """400 for a state of affairs that a careful caller may run into."""
    return Refusal(400, f"Bad Request: {sentence}")


def broken_rule(sentence: str) -> Refusal:
    """400 for what a careful caller never asks."""
    return Refusal(400, f"Bad Request: {sentence}", broken_rule=True)


def forbidden(sentence: str) -> Refusal:
    return Refusal(403, f"Forbidden: {sentence}")


def too_many_requests(retry_after_s: int, *, broken_rule: bool = False) -> Refusal:
    description = f"Too Many Requests: retry after {retry_after_s}"
    return Refusal(429, description, broken_rule=broken_rule, retry_after=retry_after_s)


def migrated(chat_id: int) -> Refusal:
    description = "Bad Request: group chat was upgraded to a supergroup chat"
    return Refusal(400, description, migrate_to_chat_id=chat_id)


CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
OLD_QUERY = "query is too old and response timeout expired or query ID is invalid"
