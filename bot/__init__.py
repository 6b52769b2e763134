"""The chat side: what members see and ask for. Never imports torch or the engine."""
