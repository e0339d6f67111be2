"""All tests, in one file."""

import tempfile
import unittest
from pathlib import Path

from werkzeug.test import Client

from .flack import models
from .flack.flack import application

ANN = {"nickname": "ann", "password": "secret"}


class FlackTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        # Every importer uses the database of the module's constant, unless it is changed.
        models.DATABASE = str(Path(directory.name) / "test.db")
        models.create_tables()
        self.client = Client(application)

    def test_nickname_is_taken_once(self) -> None:
        statuses = [self.client.post("/api/users", json=ANN).status_code for _ in range(2)]
        assert statuses == [201, 400]

    def test_token_is_for_a_password(self) -> None:
        self.client.post("/api/users", json=ANN)
        wrong = self.client.post("/api/tokens", auth=("ann", "wrong"))
        right = self.client.post("/api/tokens", auth=("ann", "secret"))
        assert [wrong.status_code, right.status_code] == [401, 201]

    def test_nobody_writes_without_a_token(self) -> None:
        answer = self.client.post("/api/messages", json={"source": "hello"})
        assert answer.status_code == 401
