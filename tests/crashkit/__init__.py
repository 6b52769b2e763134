"""Real processes, really killed: what the crash suite is made of. `python -m crashkit` runs it (PYTHONPATH=tests)."""
