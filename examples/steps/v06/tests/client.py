"""The setup of all tests: a client, and an empty database."""

import tempfile
import unittest
from pathlib import Path

from werkzeug.test import Client

from ..flack import models
from ..flack.flack import application

ANN = {"nickname": "ann", "password": "secret"}


class FlackTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        # Every importer uses the database of the module's constant, unless it is changed.
        models.DATABASE = str(Path(directory.name) / "test.db")
        models.create_tables()
        self.client = Client(application)
