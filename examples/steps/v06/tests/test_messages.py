from .client import FlackTest


class MessagesTest(FlackTest):
    def test_nobody_writes_without_a_token(self) -> None:
        answer = self.client.post("/api/messages", json={"source": "hello"})
        assert answer.status_code == 401
