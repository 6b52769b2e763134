"""The product's own Discord side beside the stand-in: a whole bot in this process, or one in a process of its own."""
