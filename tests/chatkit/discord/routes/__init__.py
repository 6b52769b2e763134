"""What the REST routes do. A route takes a call and gives a status and a body, or raises a Refusal.

`ROUTES` finds them by method and path, the path written as in the OpenAPI document.
"""

from __future__ import annotations

from chatkit.discord.routes import channels, commands, interactions, messages, start
from chatkit.discord.routes.table import ROUTES

__all__ = ["ROUTES", "channels", "commands", "interactions", "messages", "start"]
