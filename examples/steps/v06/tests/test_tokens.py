from .client import ANN, FlackTest


class TokensTest(FlackTest):
    def test_token_is_for_a_password(self) -> None:
        self.client.post("/api/users", json=ANN)
        wrong = self.client.post("/api/tokens", auth=("ann", "wrong"))
        right = self.client.post("/api/tokens", auth=("ann", "secret"))
        assert [wrong.status_code, right.status_code] == [401, 201]
