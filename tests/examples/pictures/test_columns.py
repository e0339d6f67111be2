from examples.pictures.columns import WIDTH, columns_of, width_of
from examples.pictures.events import Event


def test_columns_are_even_where_nothing_long_is_said() -> None:
    assert columns_of(["a", "b", "c"], [Event(0, "a", "b", ["hello"])]) == [60, 380, 700]


def test_column_makes_room_for_what_is_said_right_of_it() -> None:
    event = Event(0, "b", "c", ["x" * 60])
    first, second, last = columns_of(["a", "b", "c"], [event])
    assert (first, last) == (60, 700)
    assert second + 8 + width_of(event) <= WIDTH
