import pytest

from ngw2f.text.user_agents import describe_browser

GECKO = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
CHROME = (
    "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) {}Chrome/150.0.0.0 {}Safari/537.36{}"
)
PHONE = "Linux; Android 10; K"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (GECKO, "Firefox on Linux"),
        (CHROME.format("Windows NT 10.0; Win64; x64", "", "", ""), "Chrome on Windows"),
        (CHROME.format("Macintosh; Intel Mac OS X 10_15_7", "", "", " Edg/150"), "Edge on macOS"),
        (
            CHROME.format(PHONE, "SamsungBrowser/28.0 ", "Mobile ", ""),
            "Samsung Internet on Android",
        ),
        (IPHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (compatible)", "A browser"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 100, "x" * 40),
        ("", ""),
    ],
)
def test_what_people_know(user_agent: str, said: str) -> None:
    assert str(describe_browser(user_agent)) == said
