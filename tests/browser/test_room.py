"""The room's page in a browser: live, and honest when it is not."""

from contextlib import closing
from typing import Any

import pytest

from tests.browser.conftest import sign_in
from tests.chromium import WAIT_MS, wait_for_held
from tests.live.server import ChatServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

# Until a page has found out and come back another way, after pauses of up to 14 s.
RETURN_MS = 90_000
PHONE = {"width": 360, "height": 640}
WATCH_TYPING = """() => {
    const notice = document.getElementById("typing");
    window.shown = [];
    new MutationObserver(() => shown.push(notice.textContent)).observe(notice, {childList: true});
}"""
# At midnight it changes.
DAY = """(item) => {
    const [at, now] = [new Date(item.querySelector("time").dateTime), new Date()];
    return at.toDateString() === now.toDateString() ? "Today" : "Yesterday";
}"""
WIDE_TABLE = "|" + "word|" * 40 + "\n|" + "---|" * 40


def say(page: Any, text: str) -> None:
    # Without the script, Enter begins another line.
    page.wait_for_selector("html.scripted")
    page.fill("textarea", text)
    page.press("textarea", "Enter")


def test_message_appears_on_both_pages(open_room: Any) -> None:
    ann, bob = open_room("ann"), open_room("bob")
    say(ann, "hello **bob**")
    for page in (ann, bob):
        page.wait_for_selector(".message strong:text('bob')")
        assert page.locator(".message:has-text('hello bob')").count() == 1
    assert ann.input_value("textarea") == ""


def test_only_the_author_gets_actions(open_room: Any) -> None:
    ann, bob = open_room("ann"), open_room("bob")
    say(ann, "mine alone")
    ann.wait_for_selector(".message:has-text('mine alone') .own", state="attached")
    bob.wait_for_selector(".message:has-text('mine alone')")
    assert bob.locator(".message:has-text('mine alone') .own").count() == 0
    assert bob.locator(".message:has-text('mine alone') .mark-unread").count() == 1


def messages(page: Any, text: str) -> list[str]:
    """Return how messages with *text* are built, without what only moves them in.

    One that came by its answer, before its event, got its id last.
    """
    script = """items => items.map((item) => {
        item.classList.remove("arriving");
        const { id } = item;
        item.removeAttribute("id");
        item.id = id;
        return item.outerHTML;
    })"""
    found: list[str] = page.locator(f".message:has-text('{text}')").evaluate_all(script)
    return found


def test_what_came_live_is_what_a_reload_gives(open_room: Any) -> None:
    ann, bob = open_room("ann"), open_room("bob")
    say(ann, "*hers* both <b>")
    bob.wait_for_selector(".message em:text('hers')")
    say(bob, "**his** both")
    for page in (ann, bob):
        page.wait_for_selector(".message strong:text('his')")
        page.wait_for_selector(".message em:text('hers')")
        live = messages(page, "both")
        assert len(live) == 2
        page.reload()
        page.wait_for_selector("#connection[data-state=live]", state="attached")
        assert messages(page, "both") == live


def test_own_message_is_there_before_its_event(open_room: Any) -> None:
    ann = open_room("ann")
    ann.route("**/*events?*", lambda route: route.abort())
    ann.reload()
    sync_api.expect(ann.locator("#connection")).to_have_attribute("data-state", "away")
    say(ann, "ahead <b>")
    posted = ann.locator(".message:has-text('ahead <b>')")
    sync_api.expect(posted.locator(".nickname")).to_have_text("ann")
    assert posted.locator(".actions").count() == 0
    ann.unroute("**/*events?*")
    posted.locator(".actions").wait_for(state="attached", timeout=RETURN_MS)
    assert posted.count() == 1


def test_messages_of_an_author_are_together(open_room: Any) -> None:
    ann, bob = open_room("ann"), open_room("bob")
    for page, text in ((bob, "apart"), (ann, "one"), (ann, "two"), (bob, "three")):
        say(page, f"together {text}")
        for each in (ann, bob):
            each.wait_for_selector(f".message:has-text('together {text}') .text")
    script = "items => items.map((item) => item.classList.contains('follows'))"
    for page in (ann, bob):
        shown = page.locator(".message:has-text('together')")
        assert shown.evaluate_all(script)[1:] == [False, True, False]
        first = page.locator(".message").first
        assert first.get_attribute("data-day") == first.evaluate(DAY)


def test_new_nickname_is_shown_at_once(chat: ChatServer, open_room: Any) -> None:
    ann = open_room("ann")
    token = chat.register("eve")
    message = chat.call("POST", "/api/messages", token, json={"source": "who am I?"}).json()
    author = ann.locator(".message:has-text('who am I?') .nickname")
    sync_api.expect(author).to_have_text("eve")
    chat.call("PUT", f"/api/users/{message['user_id']}", token, json={"nickname": "Zelda"})
    sync_api.expect(author).to_have_text("Zelda")
    sync_api.expect(ann.locator(".message:has-text('who am I?') .avatar")).to_have_text("Z")


def test_typing_is_shown(open_room: Any) -> None:
    # Nobody of the other tests: the server tells of each no more than once in some seconds.
    ann, tia = open_room("ann"), open_room("tia")
    ann.wait_for_selector("#connection[data-state=live]", state="attached")
    # It is shown for some seconds, in which nobody may have looked.
    ann.evaluate(WATCH_TYPING)
    tia.type("textarea", "I am")
    ann.wait_for_function("() => shown.some((text) => text.startsWith('tia is'))")


def test_typing_before_the_script_is_there_is_told(
    chat: ChatServer, browser: Any, open_room: Any
) -> None:
    ann = open_room("ann")
    ann.wait_for_selector("#connection[data-state=live]", state="attached")
    ann.evaluate(WATCH_TYPING)
    with closing(browser.new_context(service_workers="block")) as context:
        context.add_cookies(sign_in(chat, "tea"))
        tea = context.new_page()
        held: list[Any] = []
        may_pass: list[bool] = []
        tea.route(
            "**/composer.js*",
            lambda route: route.continue_() if may_pass else held.append(route),
        )
        tea.goto(chat.url + "/", wait_until="commit")
        tea.locator(".composer [name=source]").fill("I am", timeout=WAIT_MS)
        wait_for_held(tea, held)
        # It is asked for twice: by the link that preloads it, and by the script that needs it.
        may_pass.append(True)
        for route in held:
            route.continue_()
        ann.wait_for_function("() => shown.some((text) => text.startsWith('tea is'))")


def test_html_in_a_message_is_text(open_room: Any) -> None:
    ann = open_room("ann")
    say(ann, "<img src=x onerror=alert(1)>")
    ann.wait_for_selector(".message:has-text('onerror')")
    assert ann.locator(".message img").count() == 0


def test_nothing_is_missing_after_a_restart(chat: ChatServer, open_room: Any) -> None:
    ann = open_room("ann")
    ann.wait_for_selector("#connection[data-state=live]", state="attached")
    chat.kill_worker()
    chat.wait_until_up()
    token = chat.register("carl")
    for number in range(3):
        chat.call("POST", "/api/messages", token, json={"source": f"since it restarted {number}"})
    ann.wait_for_selector(".message:has-text('since it restarted 2')", timeout=RETURN_MS)
    shown = ann.locator(".message:has-text('since it restarted')").all_inner_texts()
    assert [text.split("since it restarted ")[1] for text in shown] == ["0", "1", "2"]


def test_it_says_that_it_is_away_and_loses_no_text(chat: ChatServer, open_room: Any) -> None:
    ann = open_room("ann")
    ann.wait_for_selector("#connection[data-state=live]", state="attached")
    ann.context.set_offline(True)
    sync_api.expect(ann.locator("#connection")).to_have_attribute("data-state", "away")
    say(ann, "written offline")
    sync_api.expect(ann.locator("#problem")).to_contain_text("Not sent")
    sync_api.expect(ann.locator("#outbox .failed")).to_contain_text("written offline")
    # It outlives a reload, and is sent when the line is back.
    assert ann.evaluate("Object.values(localStorage).join().includes('written offline')")
    ann.context.set_offline(False)
    ann.wait_for_selector("#messages .message:has-text('written offline')")
    sync_api.expect(ann.locator("#outbox .message")).to_have_count(0)
    sync_api.expect(ann.locator("#problem")).to_be_empty()
    sync_api.expect(ann.locator("#connection")).to_have_attribute("data-state", "live")


def test_stream_that_lives_through_it_ends_the_notice(open_room: Any) -> None:
    ann = open_room("ann")
    state = ann.locator("#connection")
    sync_api.expect(state).to_have_attribute("data-state", "live")
    ann.evaluate("dispatchEvent(new Event('offline'))")
    sync_api.expect(state).to_have_attribute("data-state", "away")
    ann.evaluate("dispatchEvent(new Event('online'))")
    sync_api.expect(state).to_have_attribute("data-state", "live")


def test_long_names_and_wide_tables_fit_on_a_phone(chat: ChatServer, open_room: Any) -> None:
    wide = open_room("W" * 32)
    token = chat.call("POST", "/api/tokens", auth=("W" * 32, "secret")).json()["token"]
    chat.call("POST", "/api/rooms", token, json={"name": "R" * 64})
    wide.set_viewport_size(PHONE)
    wide.goto(f"{chat.url}/rooms/{'R' * 64}")
    say(wide, WIDE_TABLE)
    wide.wait_for_selector(".message table")
    assert wide.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]


def test_long_polling_where_streams_do_not_get_through(chat: ChatServer, open_room: Any) -> None:
    ann = open_room("ann")
    ann.wait_for_selector("#connection[data-state=live]", state="attached")
    ann.route("**/events?after=*", lambda route: route.abort()
              if "/api/" not in route.request.url else route.continue_())  # fmt: skip
    chat.reload()
    with ann.expect_request("**/api/events?*", timeout=RETURN_MS):
        pass
    chat.wait_until_reloaded()
    token = chat.register("dora")
    chat.call("POST", "/api/messages", token, json={"source": "by polling"})
    ann.wait_for_selector(".message:has-text('by polling')", timeout=RETURN_MS)


def paste(page: Any, text: str) -> None:
    """Insert a text as the browser inserts what is pasted."""
    page.focus("textarea")
    page.keyboard.insert_text(text)


def test_paste_loses_nothing(open_room: Any) -> None:
    ann = open_room("ann")
    # Each of these is one character, and two units of UTF-16.
    text = "\N{GRINNING FACE}" * 9_999 + "e"
    paste(ann, text)
    assert ann.input_value("textarea") == text
    sync_api.expect(ann.locator("#length")).to_be_empty()
    paste(ann, "nd")
    sync_api.expect(ann.locator("#length")).to_contain_text("2 characters too many")
    ann.press("textarea", "Enter")
    assert ann.input_value("textarea") == text + "nd"
    ann.fill("textarea", text)
    ann.press("textarea", "Enter")
    ann.wait_for_selector(".message:has-text('\N{GRINNING FACE}e')")


@pytest.mark.parametrize("name", ["isComposing", "keyCode"])
def test_enter_of_an_input_method_sends_nothing(open_room: Any, name: str) -> None:
    ann = open_room("ann")
    sent: list[Any] = []
    ann.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    ann.fill("textarea", "\u6f22")
    ann.evaluate(
        """(name) => {
            const event = new KeyboardEvent("keydown", {
                key: "Enter", bubbles: true, cancelable: true,
                isComposing: name === "isComposing", keyCode: name === "keyCode" ? 229 : 13,
            });
            document.querySelector("textarea").dispatchEvent(event);
        }""",
        name,
    )
    assert ann.input_value("textarea") == "\u6f22"
    ann.press("textarea", "Enter")
    ann.wait_for_selector(".message:has-text('\u6f22')")
    assert sum(request.url.endswith("/messages") for request in sent) == 1


@pytest.mark.parametrize("name", ["it's", "(a)", "a!*", "50 & more", "\u00e4 \u6f22~_-."])
def test_room_is_listed_once(chat: ChatServer, open_room: Any, name: str) -> None:
    ann = open_room("ann")
    token = chat.register(f"author {sum(map(ord, name))}")
    chat.call("POST", "/api/rooms", token, json={"name": name}).raise_for_status()
    ann.wait_for_selector(f'.rooms a:has-text("{name}")')
    told = ann.get_attribute(f'.rooms a:has-text("{name}")', "href")
    ann.reload()
    ann.wait_for_selector("#connection[data-state=live]", state="attached")
    link = f'.rooms a:has-text("{name}")'
    assert ann.get_attribute(link, "href") == told
    # What is read again after events went missing is no other room.
    ann.evaluate("dispatchEvent(new Event('pageshow'))")
    ann.click(link)
    sync_api.expect(ann.locator("h1")).to_have_text(name)
    assert ann.locator(link).count() == 1


def lose_answers(page: Any) -> None:
    """Have the server get the page's posts, and the page no answer to them."""

    def lose(route: Any) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        route.fetch()
        route.abort()

    page.route("**/api/rooms/*/messages", lose)


def test_message_whose_answer_was_lost_is_there_once(open_room: Any) -> None:
    ann, bob = open_room("ann"), open_room("bob")
    lose_answers(ann)
    say(ann, "did it arrive?")
    sync_api.expect(ann.locator("#problem")).to_contain_text("Not sure that it was sent")
    ann.unroute("**/api/rooms/*/messages")
    ann.click("#outbox .again")
    sync_api.expect(ann.locator("#problem")).to_be_empty()
    say(ann, "it did")
    for page in (ann, bob):
        page.wait_for_selector("#messages .message:has-text('it did')")
        assert page.locator(".message:has-text('did it arrive?')").count() == 1


def test_own_message_is_on_the_screen_before_the_server_knows(open_room: Any) -> None:
    ann = open_room("ann")
    held: list[Any] = []
    ann.route("**/api/rooms/*/messages", lambda route: held.append(route))
    ann.fill("textarea", "at once\nand whole")
    # In the same turn of the event loop as the key.
    script = """() => {
        const enter = { key: "Enter", bubbles: true, cancelable: true };
        document.getElementById("write").dispatchEvent(new KeyboardEvent("keydown", enter));
        return document.querySelector("#outbox .sending .text").innerText;
    }"""
    assert ann.evaluate(script) == "at once\nand whole"
    assert ann.input_value("textarea") == ""
    sync_api.expect(ann.locator("#outbox .message")).to_be_in_viewport()
    wait_for_held(ann, held)
    held.pop().continue_()
    ann.wait_for_selector("#messages .message:has-text('at once')")
    sync_api.expect(ann.locator("#outbox .message")).to_have_count(0)


def test_refused_message_comes_back_to_the_field(open_room: Any) -> None:
    ann = open_room("ann")
    problem = {"status": 403, "body": '{"detail": "not today"}',
               "content_type": "application/problem+json"}  # fmt: skip
    ann.route("**/api/rooms/*/messages", lambda route: route.fulfill(**problem))
    say(ann, "the first")
    sync_api.expect(ann.locator("#outbox .unsent")).to_contain_text("Not sent: not today.")
    ann.click("#outbox .discard")
    sync_api.expect(ann.locator("#outbox .message")).to_have_count(0)
    assert ann.input_value("textarea") == "the first"
    assert not ann.evaluate("Object.keys(localStorage).some((name) => name.includes('unsent'))")


def test_page_that_stays_open_lists_the_newest_rooms(chat: ChatServer, open_room: Any) -> None:
    ann = open_room("ann")
    rooms = ann.locator(".rooms a[data-room]")
    came_with = rooms.count()
    token = chat.register("founder")
    for number in range(52):
        name = {"name": f"founded {number}."}
        chat.call("POST", "/api/rooms", token, json=name).raise_for_status()
    ann.wait_for_selector(".rooms a:has-text('founded 51.')")
    sync_api.expect(rooms).to_have_count(came_with + 50)
    assert ann.locator(".rooms a:text-is('# founded 1.')").count() == 0
    assert ann.locator(".rooms a[aria-current]").count() == 1


def test_page_that_stays_open_shows_the_newest_messages(open_room: Any) -> None:
    ann = open_room("ann")
    ann.evaluate(
        """() => {
            const old = Array.from({ length: 400 }, (_, index) => {
                const item = document.createElement("li");
                item.className = "message";
                item.id = `m${index - 400}`;
                return item;
            });
            document.getElementById("messages").prepend(...old);
            document.getElementById("pane").scrollTop = 0;
        }"""
    )
    say(ann, "the newest of all")
    ann.wait_for_selector(".message:has-text('the newest of all')")
    sync_api.expect(ann.locator(".message")).to_have_count(400)
    first = ann.locator(".message").first.get_attribute("id").removeprefix("m")
    assert ann.get_attribute(".older a", "href").endswith(f"?before={first}")


def test_code_says_its_language_and_is_copied(open_room: Any) -> None:
    ann = open_room("ann")
    paste(ann, "```python\nfirst = 1\nsecond = 2\n```")
    ann.press("textarea", "Enter")
    code = ann.locator("#messages .message:has-text('second = 2') .highlight").last
    sync_api.expect(code).to_have_attribute("data-language", "python")
    ann.evaluate(
        "() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }"
    )
    code.hover()
    code.locator(".copy").click()
    ann.wait_for_function("() => window.copied")
    assert ann.evaluate("copied") == "first = 1\nsecond = 2\n"
    sync_api.expect(code.locator(".copy")).to_have_class("copy done")
    # Where nothing may be copied, it is selected.
    ann.evaluate("() => { navigator.clipboard.writeText = async () => { throw new Error(); }; }")
    code.locator(".copy").click()
    ann.wait_for_function("() => getSelection().toString().includes('second = 2')")
