"""Discord's refusals: HTTP status, code and sentence."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer other than success. `errors` is Discord's tree of fields that are wrong."""

    def __init__(self, status: int, code: int, message: str, *, errors: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.errors:
            body["errors"] = self.errors
        return body


class TooManyOldEdits(Refusal):
    """30046: Discord words it as a rate limit."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(429, 30046, "Maximum number of edits to messages older than 1 hour reached. Try again later.")
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        return {**super().body(), "retry_after": self.retry_after_s, "global": False}


def bad_form(*faults: str) -> Refusal:
    """50035: what is asked for breaks a limit."""
    errors = {"_errors": [{"code": "BASE_TYPE_BAD", "message": fault} for fault in faults]}
    return Refusal(400, 50035, "Invalid Form Body", errors=errors)


_KNOWN = {
    401: (401, 0, "401: Unauthorized"),
    403: (403, 0, "403: Forbidden"),
    404: (404, 0, "404: Not Found"),
    10003: (404, 10003, "Unknown Channel"),
    10004: (404, 10004, "Unknown Guild"),
    10007: (404, 10007, "Unknown Member"),
    10008: (404, 10008, "Unknown Message"),
    10013: (404, 10013, "Unknown User"),
    10014: (400, 10014, "Unknown Emoji"),
    10015: (404, 10015, "Unknown Webhook"),
    10062: (404, 10062, "Unknown interaction"),
    10063: (404, 10063, "Unknown application command"),
    40005: (413, 40005, "Request entity too large"),
    40333: (403, 40333, "internal network error"),
    40060: (400, 40060, "Interaction has already been acknowledged."),
    40067: (400, 40067, "A tag is required to create a forum post in this channel"),
    50001: (403, 50001, "Missing Access"),
    50005: (403, 50005, "Cannot edit a message authored by another user"),
    50006: (400, 50006, "Cannot send an empty message"),
    50007: (403, 50007, "Cannot send messages to this user"),
    50008: (400, 50008, "Cannot send messages in a non-text channel"),
    50013: (403, 50013, "Missing Permissions"),
    50027: (401, 50027, "Invalid Webhook Token"),
    50083: (400, 50083, "Thread is archived"),
    90001: (403, 90001, "Reaction was blocked"),
    160002: (400, 160002, "Cannot reply without permission to read message history"),
    160005: (400, 160005, "Thread is locked"),
    200000: (400, 200000, "Message was blocked by automatic moderation"),
}


def refusal(code: int) -> Refusal:
    """The refusal that Discord documents under this code."""
    return Refusal(*_KNOWN[code])
