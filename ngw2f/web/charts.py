"""Small pictures of numbers over time, as SVG that needs no script and no style of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 120


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture with one bar a minute, and the same in words. A value is None if none is known."""

    title: str
    values: Sequence[float | None]
    show: Callable[[float], str]

    @property
    def known(self) -> list[float]:
        return [value for value in self.values if value is not None]

    @property
    def words(self) -> dict[str, str] | None:
        """Return what the picture shows in words; None if nothing is known."""
        known = self.known
        if not known:
            return None
        mean = sum(known) / len(known)
        return {name: self.show(value) for name, value in
                (("last", known[-1]), ("mean", mean), ("highest", max(known)))}  # fmt: skip

    @property
    def path(self) -> str:
        """Return the bars as a path in a box of WIDTH and HEIGHT; the highest bar fills it."""
        highest = max(self.known, default=0)
        if not highest:
            return ""
        step = WIDTH / len(self.values)
        bars = []
        for number, value in enumerate(self.values):
            if value:
                height = max(1.0, value / highest * HEIGHT)
                bars.append(f"M{number * step:.0f} {HEIGHT}v{-height:.1f}h{step - 2:.0f}V{HEIGHT}z")
        return "".join(bars)


def plain(value: float) -> str:
    """Return a number with as many digits as matter."""
    return f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def seconds(value: float) -> str:
    """Return a time in the unit in which people say it."""
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"
