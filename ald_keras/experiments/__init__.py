"""Experiments over many runs, as commands; nothing else of the library loads them."""
