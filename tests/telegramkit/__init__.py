"""A bot on the Telegram stand-in, for tests of the adapter."""
