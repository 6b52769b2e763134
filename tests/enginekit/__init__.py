"""A data folder with a real store, and real engine processes on it, for tests that stop and kill them."""
