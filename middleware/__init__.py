"""WSGI middleware, each usable around any PEP 3333 application."""
