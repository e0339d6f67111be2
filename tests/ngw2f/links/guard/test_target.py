import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.links.guard.errors import LinkRefused
from ngw2f.links.guard.target import Target, join_target, parse_target

ACCEPTED = {
    "http://example.com": "http://example.com/",
    "HTTP://EXAMPLE.COM/": "http://example.com/",
    "https://example.com:443/a": "https://example.com/a",
    "http://example.com:443/": "http://example.com:443/",
    "http://example.com:/": "http://example.com/",
    "http://example.com:0080/": "http://example.com/",
    "http://example.com./": "http://example.com/",
    "http://example.com?q": "http://example.com/?q",
    "http://example.com/#fragment": "http://example.com/",
    "http://example.com#@evil.test/": "http://example.com/",
    "http://example.com/?u=a@b": "http://example.com/?u=a@b",
    "http://example.com//double//slash": "http://example.com//double//slash",
    "http://example.com/%7Euser/%zz%": "http://example.com/%7Euser/%25zz%25",
    'http://example.com/"<>`{|}^': "http://example.com/%22%3C%3E%60%7B%7C%7D%5E",
    "http://example.com/ü?ö": "http://example.com/%C3%BC?%C3%B6",
    "http://münchen.example/": "http://xn--mnchen-3ya.example/",
    "http://MÜNCHEN.example/": "http://xn--mnchen-3ya.example/",
    "http://faß.example/": "http://xn--fa-hia.example/",
    "http://xn--mnchen-3ya.example/": "http://xn--mnchen-3ya.example/",
    "http://example。com/": "http://example.com/",
    "http://ｅｘａｍｐｌｅ.com/": "http://example.com/",
    "http://a_b.example.com/": "http://a_b.example.com/",
    "http://1.example.com/": "http://1.example.com/",
    "http://0x7f.example.com/": "http://0x7f.example.com/",
    "http://93.184.216.34/": "http://93.184.216.34/",
    "http://93.184.216.34./": "http://93.184.216.34/",
    "http://127.0.0.1/": "http://127.0.0.1/",
    "http://１２７.０.０.１/": "http://127.0.0.1/",
    "http://①②⑦.0.0.①/": "http://127.0.0.1/",
    "http://[2001:4860:4860::8888]/": "http://[2001:4860:4860::8888]/",
    "http://[2001:4860:4860:0:0:0:0:8888]:8080/": "http://[2001:4860:4860::8888]:8080/",
    "http://[::1]:80/": "http://[::1]/",
}

# The kind first, then links refused for it, one a line.
REFUSED = {
    "scheme": """
ftp://example.com/
file:///etc/passwd
gopher://127.0.0.1:6379/_FLUSHALL
dict://127.0.0.1:11211/stat
data:text/html,x
javascript:alert(1)
ldap://example.com/
ws://example.com/
jar:http://example.com!/
view-source:http://example.com/
unix:/var/run/docker.sock
http+unix://example.com/
mailto:someone@example.com
blob:http://example.com/x
""",
    "syntax": r"""
example.com
//example.com/
/path
http
http:
http:/example.com
http:example.com
http:127.0.0.1
https:/127.0.0.1
http:\\example.com
http:/\example.com
http://example.com\@127.0.0.1/
http://example.com\.evil.test/
http:\\127.0.0.1
://example.com
1http://example.com
 http://example.com
http://exa mple.com
http://example.com /
http://example.com/a b
""",
    "userinfo": """
http://user@example.com/
http://user:password@example.com/
http://@example.com/
http://:@example.com/
http://example.com@127.0.0.1/
http://127.0.0.1@example.com/
http://example.com:80@127.0.0.1/
http://example.com%40@127.0.0.1/
http://example.com%2f@evil/
http://a@b@example.com/
http://example.com:@[::1]/
https://[::1]@example.com/
""",
    "port": """
http://example.com:0/
http://example.com:65536/
http://example.com:99999/
http://example.com:123456/
http://example.com:-1/
http://example.com:+80/
http://example.com:8_0/
http://example.com:0x50/
http://example.com:http/
http://example.com:80:80/
http://example.com:８０/
http://example.com:80.0/
http://[::1]:99999/
http://127.0.0.1:80:22/
""",
    "host": """
http://
http:///
http:///path
http://?query
http://#fragment
http://:80/
http://./
http://../
http://.example.com/
http://example..com/
http://example.com../
http://-example.com/
http://example-.com/
http://exam%70le.com/
http://%31%32%37.0.0.1/
http://127.0.0.1%00.example.com/
http://127%2e0%2e0%2e1/
http://example.com%2fevil/
http://example.com%0d%0aHost:/
http://ex*mple.com/
http://ex!ample.com/
http://ex$ample.com/
http://exa,mple.com/
http://exa;mple.com/
http://exa|mple.com/
http://exa"mple.com/
http://exa<mple.com/
http://exa{mple}.com/
http://exa(mple).com/
http://exa'mple.com/
http://exa~mple.com/
http://exa+mple.com/
http://exa=mple.com/
http://exa&mple.com/
http://::1/
http://2001:4860:4860::8888/
http://[/
http://[]/
http://]/
http://[::1/
http://::1]/
http://[::1]x/
http://[::1].example.com/
http://x[::1]/
http://[[::1]]/
http://[127.0.0.1]/
http://[example.com]/
http://[::1%25eth0]/
http://[fe80::1%eth0]/
http://[fe80::1%25]/
http://[v1.fe80::a+en1]/
http://[:::1]/
http://[1:2:3:4:5:6:7:8:9]/
http://[::ffff:127.1]/
http://[::ffff:0x7f.0.0.1]/
http://[::12345]/
http://[::g]/
http://2130706433/
http://017700000001/
http://0x7f000001/
http://0X7F000001/
http://0x/
http://0/
http://00/
http://127.1/
http://127.0.1/
http://127.0.0.01/
http://127.0.0.001/
http://127.000.000.001/
http://0177.0.0.1/
http://0177.0.0.0x1/
http://0x7f.0.0.1/
http://0x7f.0x0.0x0.0x1/
http://0x7f.1/
http://127.0x1/
http://127.0.0.0x1/
http://127.0.0.256/
http://256.0.0.1/
http://999.999.999.999/
http://127.0.0.1.1/
http://1.2.3.4.5/
http://1.2.3/
http://0.1/
http://4294967296/
http://4294967295/
http://3232235777/
http://0300.0250.0.1/
http://0xc0.0xa8.0.1/
http://169.254.43518/
http://2852039166/
http://0251.0376.0251.0376/
http://0xa9fea9fe/
http://0xA9.0xFE.0xA9.0xFE/
http://foo.1/
http://foo.0x/
http://foo.0x1f/
http://foo.bar.09/
http://127.0.0.1../
http://127..0.0.1/
http://１２７.1/
http://⑫７.1/
http://２１３０７０６４３３/
http://０ｘ７ｆ.1/
http://0ｘ7f000001/
http://127。0。1/
http://127｡1/
http://example．．com/
http://ex⁄ample.com/
http://☃⃣.example/
http://℀.example.com/
http://exam℁ple.com/
http://evil.com℅.example/
http://a／b.example/
http://a？b.example/
http://a＃b.example/
http://a＠b.example/
http://a：80.example/
http://a％41.example/
http://xn--ü.example/
http://ā̀́̂͡-.example/
""",
}

FORBIDDEN_CHARACTERS = [
    *map(chr, range(0x21)),
    "\\",
    *map(chr, range(0x7F, 0xA1)),
    *"\u1680\u2000\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\u3000\ufeff\uffff",
    "\ud800",
]


@pytest.mark.parametrize(("written", "normalised"), ACCEPTED.items())
def test_accepted_link_is_normalised(written: str, normalised: str) -> None:
    assert parse_target(written).url == normalised


@pytest.mark.parametrize("written", ACCEPTED)
def test_normalised_link_stays_as_it_is(written: str) -> None:
    target = parse_target(written)
    assert parse_target(target.url) == target


@pytest.mark.parametrize(
    ("kind", "written"),
    [(kind, line) for kind, lines in REFUSED.items() for line in lines.strip("\n").split("\n")],
)
def test_link_is_refused_with_its_kind(kind: str, written: str) -> None:
    with pytest.raises(LinkRefused) as caught:
        parse_target(written)
    assert caught.value.kind == kind
    assert caught.value.reason


@pytest.mark.parametrize("character", FORBIDDEN_CHARACTERS, ids=lambda found: f"U+{ord(found):04X}")
@pytest.mark.parametrize(
    "shape",
    [
        "{}http://example.com/",
        "ht{}tp://example.com",
        "http:{}//example.com",
        "http://{}example.com",
        "http://exam{}ple.com/",
        "http://example.com{}/",
        "http://example.com{}@evil.test/",
        "http://example.com:8{}0/",
        "http://example.com/a{}b",
        "http://example.com/?a{}",
        "http://example.com/#a{}b",
        "http://example.com/{}",
        "http://[::1{}]/",
    ],
)
def test_forbidden_character_is_refused_anywhere(shape: str, character: str) -> None:
    with pytest.raises(LinkRefused) as caught:
        parse_target(shape.format(character))
    assert caught.value.kind == "syntax"


@pytest.mark.parametrize(
    "written",
    [
        "http://" + "a" * 64 + ".com/",
        "http://" + "a." * 126 + "com/",
        "http://" + "a." * 126 + "aa/",
        "http://" + "ü" * 254 + ".com/",
        "http://" + "ü" * 60 + "." + "ü" * 60 + "." + "ü" * 60 + ".com/",
        "http://example.com/" + "a" * 2048,
        "http://example.com/" + "a" * 10_000_000,
    ],
    ids=["label", "long name", "name", "idna name", "long after idna", "url", "ten megabytes"],
)
def test_overlong_parts_are_refused(written: str) -> None:
    with pytest.raises(LinkRefused):
        parse_target(written)


def test_longest_name_is_accepted() -> None:
    name = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 57, "com"])
    assert len(name) == 253
    assert parse_target(f"http://{name}./").host == name


def test_default_port_depends_on_scheme() -> None:
    assert parse_target("http://example.com/").port == 80
    assert parse_target("https://example.com/").port == 443


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/other?q#f", "https://example.com:8443/other?q"),
        ("other", "https://example.com:8443/a/other"),
        ("../up", "https://example.com:8443/up"),
        ("?only", "https://example.com:8443/a/b?only"),
        ("//else.example/x", "https://else.example/x"),
        ("http://else.example", "http://else.example/"),
        ("", "https://example.com:8443/a/b?c"),
        # Blanks, as people and programs leave them.
        (" /i.png \t", "https://example.com:8443/i.png"),
        ("\n http://else.example/x\r\n", "http://else.example/x"),
        ("/my picture.png", "https://example.com:8443/my%20picture.png"),
        ("?a b", "https://example.com:8443/a/b?a%20b"),
        ("/my\n  \tpicture.png", "https://example.com:8443/my%20%20picture.png"),
        ("//else.\r\nexample/x", "https://else.example/x"),
        ("/a\u00a0b\u3000c", "https://example.com:8443/a%C2%A0b%E3%80%80c"),
    ],
)
def test_reference_is_joined_to_its_base(location: str, expected: str) -> None:
    base = parse_target("https://example.com:8443/a/b?c")
    assert join_target(base, location).url == expected


@pytest.mark.parametrize(
    "location",
    [
        "http://[::1",
        "//[",
        "//user@127.0.0.1/",
        "file:///etc/passwd",
        "//0x7f.1/",
        "/\\127.0.0.1/",
        "javascript:alert(1)",
        "http://a b/",
    ],
)
def test_hostile_reference_is_refused(location: str) -> None:
    with pytest.raises(LinkRefused):
        join_target(parse_target("https://example.com/"), location)


URL_PIECES = st.sampled_from(
    [
        "http",
        "https",
        ":",
        "/",
        "//",
        "\\",
        "@",
        "[",
        "]",
        "%",
        "%00",
        "%2e",
        "?",
        "#",
        ".",
        "..",
        "。",
        "127.0.0.1",
        "0x7f",
        "017700000001",
        "::1",
        "localhost",
        "example.com",
        "１",
        "①",
        "ß",
        "-",
        "_",
        "\t",
        "\n",
        "\r",
        "\0",
        " ",
        "\u202e",
        "\ufeff",
        "80",
        "0",
        "65536",
        "xn--",
        "\ud800",
        "℀",
    ]
)


@given(st.lists(URL_PIECES | st.text(max_size=3), max_size=12).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    for written in (text, f"http://{text}", f"http://{text}.example/"):
        try:
            target = parse_target(written)
        except LinkRefused:
            continue
        check_target_is_canonical(target)


@given(st.text(max_size=40))
def test_any_reference_is_joined_or_refused(location: str) -> None:
    base = parse_target("https://example.com/a")
    try:
        target = join_target(base, location)
    except LinkRefused:
        return
    check_target_is_canonical(target)


def check_target_is_canonical(target: Target) -> None:
    """Nothing that a second reader could take for another host, or for another header line."""
    assert parse_target(target.url) == target
    assert target.url.isascii()
    assert target.url.isprintable()
    assert not set(target.url) & set(' \\"<>')
    assert not set(target.host) & set("@/?#[]%")
    assert 0 < target.port < 65536
    if target.address is None:
        assert not target.host.split(".")[-1].isdigit()
    else:
        assert str(target.address) == target.host


@given(st.integers(0, 2**32 - 1))
def test_no_short_form_of_an_ipv4_address_is_read(bits: int) -> None:
    first, rest = bits >> 24, bits & 0xFFFFFF
    for host in (str(bits), hex(bits), f"0{bits:o}", f"{first}.{rest}", f"0x{first:x}.{rest}"):
        with pytest.raises(LinkRefused):
            parse_target(f"http://{host}/")
