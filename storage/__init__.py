"""The floor that bot and engine stand on: values, settings, database, media, films as files."""
