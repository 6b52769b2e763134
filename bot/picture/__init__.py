"""An upload becomes the picture a film starts from.

Members may send any bytes at all. `readers` hands them to processes of their own (`child`), where `decode` does the
work; the bot's process itself looks at nothing but their length.
"""
