"""Stand-ins for chat platforms on loopback, for the real client libraries to talk to."""
