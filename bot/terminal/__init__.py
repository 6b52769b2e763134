"""The terminal as a chat: one person, one film at a time, drawn with bars and previews."""
