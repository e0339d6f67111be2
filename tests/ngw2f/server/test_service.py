from tests.client import Client


def test_static_files(client: Client) -> None:
    answer = client.get("/static/icon.svg", status=200)
    assert answer.content_type == "image/svg+xml"
    assert "max-age=3600" in answer.headers["Cache-Control"]
    assert client.get("/static/../service.py").status_int == 404
