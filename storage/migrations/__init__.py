"""Every schema that was ever released, as steps from one to the next. A released step is never edited."""
