from ngw2f.web.charts import Chart, plain, seconds


def test_highest_bar_fills_the_box() -> None:
    chart = Chart("Streams", [0, 5, None, 10], plain)
    assert chart.path == "M150 120v-60.0h148V120zM450 120v-120.0h148V120z"
    assert chart.words == {"last": "10", "mean": "5", "highest": "10"}


def test_nothing_is_known() -> None:
    chart = Chart("Streams", [None], plain)
    assert (chart.path, chart.words) == ("", None)
    assert Chart("Streams", [0, 0], plain).path == ""


def test_what_is_little_is_seen() -> None:
    assert "v-1.0h" in Chart("Streams", [1, 100_000], plain).path


def test_numbers_as_people_say_them() -> None:
    assert [plain(value) for value in (0, 2.0, 1.26, 1234.5)] == ["0", "2", "1.3", "1234"]
    assert [seconds(value) for value in (0.0123, 1.26)] == ["12 ms", "1.3 s"]
