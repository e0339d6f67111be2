"""WSGI middleware, each usable around any PEP 3333 application."""

__version__ = "0.1.0"
