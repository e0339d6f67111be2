"""The chat: one raw PEP 3333 callable and what stands behind it."""

__version__ = "0.1.0"
