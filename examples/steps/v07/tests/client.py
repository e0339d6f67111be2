"""The setup of all tests: a client, and an empty database."""

import os
import unittest
from pathlib import Path

from werkzeug.test import Client

# Must precede the import of anything that reads the configuration.
os.environ["FLACK_CONFIG"] = "testing"

from ..config import CONFIG
from ..flack import models
from ..flack.flack import application

ANN = {"nickname": "ann", "password": "secret"}


class FlackTest(unittest.TestCase):
    def setUp(self) -> None:
        models.create_tables()
        self.addCleanup(Path(CONFIG.database).unlink)
        self.client = Client(application)
