"""What the tests of the bot share: values, a recording chat, a stand-in for the engine."""
