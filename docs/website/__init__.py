"""The documentation as a site, and its reference out of the docstrings.

By Sphinx, which has releases several times a year; MkDocs has had none since August 2024.
"""
