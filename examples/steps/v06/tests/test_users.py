from .client import ANN, FlackTest


class UsersTest(FlackTest):
    def test_nickname_is_taken_once(self) -> None:
        statuses = [self.client.post("/api/users", json=ANN).status_code for _ in range(2)]
        assert statuses == [201, 400]
