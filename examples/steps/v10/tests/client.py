"""The setup of all tests: a client, and an empty database."""

import tempfile
import unittest
from pathlib import Path

from werkzeug.test import Client

from ..config import Config
from ..flack import create_app

ANN = {"nickname": "ann", "password": "secret"}


class FlackTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        config = Config(database=str(Path(directory.name) / "test.db"))
        self.client = Client(create_app(config))
