"""What all tests begin with: a client, and an empty database."""

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
        # Whoever imports the module has the database of its constant, unless it is changed.
        models.DATABASE = str(Path(directory.name) / "test.db")
        models.create_tables()
        self.client = Client(application)
