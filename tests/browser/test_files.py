"""Files on the page: by the button, pasted and dropped, several, with errors where they belong."""

from typing import Any

import pytest

from tests.browser.test_room import say
from tests.chromium import wait_for_held

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

# What a browser does with files from elsewhere.
GIVE = """([type, names]) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File(["from " + name], name));
  const [field, main] = [document.getElementById("write"), document.querySelector("main")];
  const event = type === "paste"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
  (type === "paste" ? field : main).dispatchEvent(event);
  return event.defaultPrevented;
}"""

DRAG = """([kind, to, type]) => {
  const dataTransfer = new DataTransfer();
  if (type === "Files") dataTransfer.items.add(new File(["a"], "a.txt"));
  else dataTransfer.setData(type, "a");
  const relatedTarget = to && document.querySelector(to);
  const init = { dataTransfer, relatedTarget, bubbles: true, cancelable: true };
  document.querySelector("main").dispatchEvent(new DragEvent(kind, init));
  return getComputedStyle(document.querySelector(".composer"), "::after").content;
}"""


def given(name: str, body: bytes = b"hello") -> Any:
    return {"name": name, "mimeType": "text/plain", "buffer": body}


def test_files_by_button_paste_and_drop(open_room: Any) -> None:
    page, other = open_room("fay"), open_room("fred")
    page.set_input_files("#files", [given("one.txt"), given("two.txt", b"x" * 2000)])
    uploads = page.locator("#uploads li")
    sync_api.expect(uploads).to_have_count(2)
    assert page.evaluate(GIVE, ["paste", ["three.txt"]])
    assert page.evaluate(GIVE, ["dragover", ["four.txt"]])
    assert page.evaluate(GIVE, ["drop", ["four.txt"]])
    sync_api.expect(uploads).to_have_count(4)
    page.get_by_role("button", name="Remove: two.txt").click()
    sync_api.expect(uploads).to_have_count(3)
    sync_api.expect(page.locator("#write")).to_be_focused()
    page.fill("#write", "some files")
    page.keyboard.press("Enter")
    for each in (page, other):
        message = each.locator(".message:has-text('some files')")
        names = message.locator(".file bdi")
        sync_api.expect(names).to_have_text(["one.txt", "three.txt", "four.txt"])
    sync_api.expect(uploads).to_have_count(0)
    with other.expect_download() as download:
        other.locator(".file:has-text('three.txt')").click()
    assert download.value.suggested_filename == "three.txt"
    with open(download.value.path(), "rb") as file:
        assert file.read() == b"from three.txt"
    say(page, "and words alone, as before")


def test_page_shows_that_files_may_be_dropped(open_room: Any) -> None:
    page = open_room("fay")
    hint = "Drop the files to add them to your message"

    def drag(kind: str, to: str | None = None, types: str = "Files") -> str:
        """Return what the page says once files, or something else, are dragged so far."""
        return str(page.evaluate(DRAG, [kind, to, types])).strip('"')

    assert drag("dragover", types="text/plain") == "none"
    assert drag("dragover") == hint
    # From one element of the page to the next, and out of the window.
    assert drag("dragleave", to=".heading") == hint
    assert drag("dragleave") == "none"
    assert (drag("dragover"), drag("drop")) == (hint, "none")


def test_sent_before_the_script_for_files_is_there(open_room: Any) -> None:
    page = open_room("fay")
    held: list[Any] = []
    page.route("**/files.js*", lambda route: held.append(route))
    page.set_input_files("#files", [given("quick.txt")])
    page.press("#write", "Enter")
    wait_for_held(page, held)
    for route in held:
        route.continue_()
    page.locator(".message .file[title='quick.txt']").wait_for()


def test_upload_that_fails_is_tried_again(open_room: Any) -> None:
    page = open_room("fay")
    fails = {"big.bin": 413, "late.bin": 503}

    def answer(route: Any) -> None:
        name = route.request.url.partition("?name=")[2]
        status = fails.pop(name, None)
        if status is None:
            route.continue_()
            return
        detail = f'{{"detail": "no room for {name}"}}'
        route.fulfill(status=status, content_type="application/problem+json", body=detail)

    page.route("**/files?name=*", answer)
    page.set_input_files("#files", [given("big.bin"), given("late.bin"), given("small.bin")])
    for name in ("big.bin", "late.bin"):
        error = page.locator(f"#uploads li:has-text('{name}') [role=alert]").first
        sync_api.expect(error).to_have_text(f"Not uploaded: no room for {name}.")
    # Nothing is sent without the files that belong to it.
    page.press("#write", "Enter")
    problem = page.locator("#problem")
    sync_api.expect(problem).to_have_text(
        "Not sent: big.bin is not uploaded. Try again, or remove it."
    )
    page.get_by_role("button", name="Remove: big.bin").click()
    sync_api.expect(problem).to_have_text("")
    page.get_by_role("button", name="Try again: late.bin").click()
    page.press("#write", "Enter")
    message = page.locator(".message:has(.file[title='small.bin'])")
    sync_api.expect(message.locator(".file bdi")).to_have_text(["small.bin", "late.bin"])
    sync_api.expect(message.locator(".text")).to_have_text("")
    sync_api.expect(page.locator("#uploads li")).to_have_count(0)
    # Without files a message has words again.
    assert page.evaluate("document.getElementById('write').required")


def test_message_with_a_file_that_is_not_sent_gives_it_back(open_room: Any) -> None:
    page = open_room("fay")
    held: list[Any] = []
    page.route("**/files?name=kept.txt", lambda route: held.append(route))
    with page.expect_request("**/files?name=kept.txt"):
        page.set_input_files("#files", [given("kept.txt")])
    page.route("**/messages", lambda route: route.fulfill(status=400, body="{}"))
    page.fill("#write", "with kept")
    page.press("#write", "Enter")
    # It waits for the file.
    sync_api.expect(page.locator("#uploads [role=status]")).to_be_visible()
    wait_for_held(page, held)
    held.pop().continue_()
    page.locator("#outbox .discard").click()
    sync_api.expect(page.locator("#uploads [role=status]")).to_have_count(0)
    sync_api.expect(page.locator("#uploads bdi")).to_have_text("kept.txt")
    page.unroute("**/messages")
    page.press("#write", "Enter")
    sync_api.expect(page.locator(".message:has-text('with kept') .file")).to_have_count(1)


def test_upload_goes_on_when_the_line_is_back(open_room: Any) -> None:
    page = open_room("fay")
    page.set_input_files("#files", [given("first.txt")])
    uploads = page.locator("#uploads")
    sync_api.expect(uploads).to_have_attribute("aria-busy", "false")
    page.context.set_offline(True)
    page.set_input_files("#files", [given("cut.txt")])
    error = uploads.locator("li:has-text('cut.txt') [role=alert]")
    sync_api.expect(error).to_have_text("Not uploaded: you are offline.")
    page.context.set_offline(False)
    sync_api.expect(error).to_have_text("")
    page.press("#write", "Enter")
    message = page.locator(".message:has(.file[title='cut.txt'])")
    sync_api.expect(message.locator(".file bdi")).to_have_text(["first.txt", "cut.txt"])


def test_uploaded_files_outlive_the_page(open_room: Any) -> None:
    page = open_room("fay")
    would_ask = "!window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    held: list[Any] = []
    page.route("**/files?name=late.txt", lambda route: held.append(route))
    page.set_input_files("#files", [given("soon.txt"), given("late.txt")])
    wait_for_held(page, held)
    # What is on its way would be lost.
    assert page.evaluate(would_ask)
    held.pop().continue_()
    uploads = page.locator("#uploads")
    sync_api.expect(uploads).to_have_attribute("aria-busy", "false")
    assert not page.evaluate(would_ask)
    page.fill("#write", "taken up again")
    page.reload()
    sync_api.expect(uploads.locator("bdi")).to_have_text(["soon.txt", "late.txt"])
    # One that the server has removed meanwhile is no more there.
    page.route("**/files/*/soon.txt", lambda route: route.fulfill(status=404))
    page.reload()
    sync_api.expect(uploads.locator("bdi")).to_have_text(["late.txt"])
    page.press("#write", "Enter")
    message = page.locator(".message:has-text('taken up again')")
    sync_api.expect(message.locator(".file bdi")).to_have_text(["late.txt"])
    assert page.evaluate("Object.keys(localStorage).filter((name) => /draft/.test(name))") == []


def test_hostile_files_do_nothing(open_room: Any) -> None:
    page = open_room("fay")
    script = b"<svg xmlns='http://www.w3.org/2000/svg' onload='top.ran=1'></svg>"
    page.set_input_files("#files", [given("<img src=x onerror=ran=1>.svg", script)])
    page.fill("#write", "hostile")
    page.press("#write", "Enter")
    link = page.locator(".message:has-text('hostile') .file")
    sync_api.expect(link.locator("bdi")).to_have_text("_img src=x onerror=ran=1_.svg")
    path = link.get_attribute("href")
    # A browser shows it neither as a page nor in one.
    with page.expect_download():
        page.evaluate("path => void open(path)", path)
    loaded = page.evaluate(
        """path => new Promise((resolve) => {
          const image = new Image();
          image.onload = () => resolve(true);
          image.onerror = () => resolve(false);
          image.src = path;
        })""",
        path,
    )
    assert not loaded
    assert page.evaluate("globalThis.ran === undefined")
