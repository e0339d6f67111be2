/* Makes the page of a room live: events come over the stream (stream.js), messages are posted by
 * fetch. Without this script the same page works by forms and reloads. */

/* The page has their URLs. */
const { SharedStream } = await import(document.getElementById("stream").href);
const { Attention } = await import(document.getElementById("attention").href);
const { Composer } = await import(document.getElementById("composer").href);

/* The texts of the page (words.html), with values. */
const words = JSON.parse(document.getElementById("words").textContent);
const word = (name, ...values) => words[name].replace(/{(\d)}/g, (_, at) => values[at]);

const list = document.getElementById("messages");
const pane = document.getElementById("pane");
const room = list && list.dataset.room ? Number(list.dataset.room) : null;
const reader = list && list.dataset.reader ? Number(list.dataset.reader) : null;

const NEAR_THE_END_PIXELS = 120;
/* The most on a page; links lead to the others. */
const MAX_MESSAGES = 400;
/* Then a message is said, rendered or not. */
const RENDERING_MILLISECONDS = 5000;
const MAX_SAID = 20;
const MAX_QUOTED = 120;
/* Until then a message is one with its author's last one. */
const GROUP_MILLISECONDS = 300000;

const online = new Map();
/* If the reader wants any. */
let notices = null;

/* ---- What is on the page ---- */

/* The pane is laid out from its end (chat.css), where scrollTop is 0; above it is negative. So it
 * stays at its end, whatever grows in it. Where one reads on, it is laid out from its start. */
function isAtEnd() {
  if (!list.dataset.live) return false;
  const [inside, around] = [pane.firstElementChild, pane].map((each) => each.getBoundingClientRect());
  return inside.bottom - around.bottom < NEAR_THE_END_PIXELS;
}

/* Go to the newest message, which may not be on this page. */
async function goToEnd() {
  if (!list.dataset.live) await withHistory("newest");
  scrollToEnd();
}

function scrollToEnd() {
  pane.scrollTop = pane.matches(".from-start") ? pane.scrollHeight : 0;
  countBelow(0);
}

/* How many messages came while one reads above. */
let below = 0;

function countBelow(count) {
  const pill = document.getElementById("below");
  below = count;
  pill.textContent = word("below", count);
  pill.hidden = count === 0;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const { lang } = document.documentElement;
/* A British browser writes English in its own way. */
const locales = navigator.language.startsWith(lang) ? [] : lang;
/* Made once, since that takes long. */
const clock = { hour: "2-digit", minute: "2-digit" };
const [TIME, DAY_AND_TIME, WHOLE, DAY] = [
  clock,
  { month: "short", day: "numeric", ...clock },
  { dateStyle: "medium", timeStyle: "medium" },
  { weekday: "long", month: "long", day: "numeric" },
].map((options) => new Intl.DateTimeFormat(locales, options));

function showTime(time) {
  const at = new Date(time.dateTime);
  const isToday = at.toDateString() === new Date().toDateString();
  time.textContent = (isToday ? TIME : DAY_AND_TIME).format(at);
  time.title = WHOLE.format(at);
}

/* Return the element that the server rendered. It is safe (ngw2f/text/markdown.py), and nothing in
 * it loads before it is in the page. */
function parse(fragment) {
  const template = document.createElement("template");
  template.innerHTML = fragment;
  return template.content.firstElementChild;
}

/* Load what few visits need when it is wanted. The page has its URL and its digest. */
async function load(name) {
  const link = document.getElementById("later").content.querySelector(`#${name}`);
  if (!document.getElementById(name)) document.head.append(link.cloneNode());
  return import(link.getAttribute("href"));
}

/* Take from another's message what its author may do; an administrator may delete it. */
function leaveOthersAlone(message) {
  const own = message.querySelector(".own");
  if (list.dataset.admin) {
    const link = element("a", "moderate", words.delete);
    link.href = `/messages/${idOf(message)}/delete`;
    own?.before(link);
  }
  own?.remove();
}

/* Insert a message by its id, or update the one that is there; return it, null if neither. */
function showMessage(fresh, isFromPage = false) {
  const wasAtEnd = isAtEnd();
  const item = document.getElementById(fresh.id);
  if (item && Number(item.dataset.updated) > Number(fresh.dataset.updated)) return null;
  prepare(fresh);
  if (!reader) for (const part of fresh.querySelectorAll(".more, .actions")) part.remove();
  else if (Number(fresh.dataset.user) !== reader) leaveOthersAlone(fresh);
  if (item) change(item, fresh, isFromPage);
  else if (!place(fresh)) return null;
  if (wasAtEnd) {
    if (list.children.length > MAX_MESSAGES) withHistory("trim", "older");
    scrollToEnd();
  } else if (!item && fresh.matches(":last-child")) {
    countBelow(below + 1);
  }
  return item || fresh;
}

/* Put a message under its author's one before it, or under the line of a new day, by the reader's
 * clock. */
function arrange(item) {
  if (!item) return;
  const before = neighbour(item, "previousElementSibling");
  const [now, then] = [item, before].map((each) => timeOf(each));
  const isNewDay = !before || now.toDateString() !== then.toDateString();
  const isFirstNew = item.previousElementSibling?.matches(".since");
  const isSame = !isNewDay && !isFirstNew && item.dataset.user === before.dataset.user;
  item.classList.toggle("follows", isSame && now - then < GROUP_MILLISECONDS);
  if (isNewDay) item.dataset.day = describeDay(now);
  else delete item.dataset.day;
}

/* Return the message before or after one, beyond lines that are none. */
function neighbour(item, side) {
  let next = item[side];
  while (next && !next.matches(".message")) next = next[side];
  return next;
}

/* Draw the line of what is new before the first message from an id on; without one, none. */
function lineBefore(id) {
  const line = document.getElementById("new") || element("li", "since", words.since);
  const after = line.nextElementSibling;
  line.id = "new";
  line.remove();
  arrange(after);
  const first = [...list.querySelectorAll(".message")].find((item) => idOf(item) >= id);
  first?.before(line);
  arrange(first);
  const way = document.querySelector("#news a");
  if (first && way) way.href = "#new";
}

function timeOf(item) {
  return new Date(item?.querySelector("time")?.dateTime || NaN);
}

function describeDay(day) {
  if (day.toDateString() === new Date().toDateString()) return words.today;
  return DAY.format(day);
}

/* The arrow keys lead to a message, and Enter follows its link: it is no stop of the tab key. */
function prepare(item) {
  item.querySelectorAll("time").forEach(showTime);
  item.querySelector(".permalink").tabIndex = -1;
  const copy = document.getElementById("copy");
  if (copy) for (const code of item.querySelectorAll(".text pre")) offerCopy(code, copy.content);
}

/* The button stands beside the code, which may scroll. */
function offerCopy(code, button) {
  let box = code.closest(".highlight");
  if (!box) {
    box = element("div", "highlight");
    code.replaceWith(box);
    box.append(code);
  }
  if (!box.querySelector(".copy")) box.append(button.cloneNode(true));
}

/* Return whether the message was inserted: other pages have those before and after what is here. */
function place(fresh) {
  const known = [...list.querySelectorAll(".message")];
  if (list.dataset.older && known.length && idOf(fresh) < idOf(known[0])) return false;
  if (list.dataset.newer && known.length && idOf(fresh) > idOf(known.at(-1))) return false;
  fresh.classList.add("arriving");
  const next = known.reverse().find((each) => idOf(each) < idOf(fresh));
  if (next) next.after(fresh);
  else list.prepend(fresh);
  list.querySelector(".empty")?.remove();
  arrange(fresh);
  arrange(neighbour(fresh, "nextElementSibling"));
  return true;
}

/* Change what replies quote of a message; they keep nothing of one that is deleted. */
function requote(id, item) {
  for (const old of list.querySelectorAll(`.quote[data-of="${id}"]`)) old.replaceWith(quote(id, item));
}

function quote(id, item) {
  const [whole, gone] = document.getElementById("quotes").content.children;
  const made = (item ? whole : gone).cloneNode(true);
  made.href = `/messages/${id}`;
  made.dataset.of = id;
  if (item) {
    const [name, line] = made.querySelectorAll("bdi");
    made.querySelector("b").dataset.user = item.dataset.user;
    name.textContent = item.querySelector(".nickname").textContent;
    line.textContent = firstLineOf(item);
  }
  return made;
}

/* As the server does (ngw2f/text/first_line.py). */
function firstLineOf(item) {
  const lines = item.querySelector(".text").textContent.split("\n");
  const line = lines.map((each) => each.trim().replace(/\s+/g, " ")).find(Boolean) || item.querySelector(".file")?.title || "";
  const characters = [...line];
  if (characters.length <= MAX_QUOTED) return line;
  return `${characters.slice(0, MAX_QUOTED - 1).join("").trimEnd()}…`;
}

/* Show the reactions to a message as an event tells them, and which of them are the reader's. */
function showReactions({ id, user_id, emoji, added, updated_at, fragment }) {
  const item = document.getElementById(`m${id}`);
  if (!item || Number(item.dataset.updated) > updated_at) return;
  const [old, fresh] = [item.querySelector(".reactions"), fragment ? parse(fragment) : null];
  if (fresh) markOwn(old, fresh);
  if (fresh && user_id === reader) press(fresh, emoji, added);
  item.dataset.updated = updated_at;
  if (!fresh) old?.remove();
  else if (old) swapReactions(old, fresh);
  else item.append(fresh);
}

/* The button that has the focus keeps it. */
function swapReactions(old, fresh) {
  const focused = old.contains(document.activeElement) && document.activeElement.value;
  old.replaceWith(fresh);
  for (const button of fresh.elements) if (button.value === focused) button.focus();
}

function press(reactions, emoji, isOn) {
  for (const button of reactions.elements) if (button.value === emoji) button.ariaPressed = isOn;
}

/* What the server renders for all depends on no reader. */
function markOwn(old, fresh) {
  for (const button of fresh.elements) button.disabled = !reader;
  for (const button of old?.elements || []) {
    if (button.ariaPressed === "true") press(fresh, button.value, true);
  }
}

/* Parts that are equal stay: they may be selected, have the focus, or have been read out. */
function change(item, fresh, isFromPage) {
  item.dataset.updated = fresh.dataset.updated;
  const reactions = fresh.querySelector(".reactions");
  if (reactions && !isFromPage) markOwn(item.querySelector(".reactions"), reactions);
  item.classList.toggle("calls", fresh.classList.contains("calls"));
  if (!fresh.hasAttribute("aria-busy")) item.removeAttribute("aria-busy");
  else item.setAttribute("aria-busy", "true");
  const parts = [...item.children].filter((part) => !part.matches(".editing, .picker"));
  for (const part of [...fresh.children]) {
    const old = parts.shift();
    /* Somebody may have folded it. */
    if (old?.matches("details") && part.matches("details")) part.open = old.open;
    if (!old) item.append(part);
    else if (!old.isEqualNode(part)) old.replaceWith(part);
  }
  for (const part of parts) part.remove();
}

/* Show the reader's own message as soon as it is stored, if its event has not come yet. */
function showPosted(message) {
  if (document.getElementById(`m${message.id}`)) return;
  const item = emptyItem(message.created_at * 1000, message.reply_to);
  item.id = `m${message.id}`;
  item.querySelector(".permalink").href = `/messages/${message.id}`;
  item.querySelector(".text").innerHTML = message.html;
  item.querySelector(".text").append(message.files.map(({ name }) => name).join(", "));
  showMessage(item);
}

/* Return an own message without text, with what it answers if that is here. */
function emptyItem(milliseconds, answered) {
  const item = document.getElementById("on-its-way").content.firstElementChild.cloneNode(true);
  item.removeAttribute("id");
  item.querySelector("time").dateTime = new Date(milliseconds).toISOString();
  const there = document.getElementById(`m${answered}`);
  if (there) item.querySelector(".text").before(quote(answered, there));
  return item;
}

function idOf(item) {
  return Number(item.id.slice(1));
}

/* ---- What a screen reader hears, and where the focus is ---- */

/* Said, or there before. */
const said = new WeakSet();

/* Say a new message with its author, once: when it is rendered, or nobody has rendered it for some
 * seconds. */
function announce(item) {
  if (!item || said.has(item)) return;
  if (item.hasAttribute("aria-busy")) {
    setTimeout(() => item.isConnected && say(item), RENDERING_MILLISECONDS);
  } else {
    say(item);
  }
}

function say(item) {
  if (said.has(item)) return;
  said.add(item);
  const [author, text] = [".nickname", ".text"].map((part) => item.querySelector(part).innerText);
  const files = [...item.querySelectorAll(".file")].map(({ title }) => title);
  sayText(`${author}: ${[text, ...files].filter(Boolean).join(", ")}`);
}

function sayText(text) {
  const log = document.getElementById("log");
  log.append(element("li", "", text));
  if (log.children.length > MAX_SAID) log.firstElementChild.remove();
}

function focusOn(item) {
  item.tabIndex = -1;
  item.addEventListener("blur", () => item.removeAttribute("tabindex"), { once: true });
  item.focus();
}

/* Remove a message; the focus goes from it to its neighbour, not to the top of the page. */
function drop(item) {
  const hadFocus = item.contains(document.activeElement);
  const after = neighbour(item, "nextElementSibling");
  const next = after || neighbour(item, "previousElementSibling");
  item.remove();
  if (!after) document.getElementById("new")?.matches(":last-child") && lineBefore(Infinity);
  arrange(after);
  if (!hadFocus) return;
  if (next) focusOn(next);
  else document.getElementById("write")?.focus();
}

/* Go from message to message by the arrow keys, and to a message's page by Enter. */
function moveByKey(event) {
  const isMessage = event.target.matches(".message");
  if (!isMessage && event.target !== pane) return;
  const links = { Enter: ".permalink", r: ".reply", e: ".edit", "+": ".react" };
  const isPlain = !event.ctrlKey && !event.altKey && !event.metaKey;
  const link = isMessage && isPlain && event.target.querySelector(links[event.key] || "none");
  if (link) {
    event.preventDefault();
    link.click();
  }
  const isUp = event.key === "ArrowUp";
  if (!isUp && event.key !== "ArrowDown") return;
  const side = isUp ? "previousElementSibling" : "nextElementSibling";
  const next = isMessage ? neighbour(event.target, side) : lastInView();
  if (!next && !isMessage) return;
  event.preventDefault();
  if (next) focusOn(next);
  else withHistory("goBeyond", event.target, side);
}

/* Return the last message that begins in the pane as it is scrolled. */
function lastInView() {
  const bottom = Math.min(pane.getBoundingClientRect().bottom, innerHeight);
  const items = list.children;
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].getBoundingClientRect().top < bottom) low = middle + 1;
    else high = middle;
  }
  const last = items[low - 1];
  return last?.matches(".message") ? last : last && neighbour(last, "previousElementSibling");
}

/* ---- People ---- */

function showUser(user) {
  if (user.online) online.set(user.id, user.nickname);
  else online.delete(user.id);
  for (const who of document.querySelectorAll(`.rooms [data-person="${user.id}"]`)) {
    who.textContent = user.nickname;
  }
  for (const who of list.querySelectorAll(`.message[data-user="${user.id}"] .nickname`)) {
    who.textContent = user.nickname;
    who.parentElement.querySelector(".avatar").textContent = [...user.nickname][0].toUpperCase();
  }
  for (const name of list.querySelectorAll(`.quote b[data-user="${user.id}"] bdi`)) {
    name.textContent = user.nickname;
  }
  showPeople();
}

function showPeople() {
  const people = document.getElementById("people");
  const names = [...online.values()].sort((a, b) => a.localeCompare(b));
  people.replaceChildren(...names.map((name) => element("li", "", name)));
  people.parentElement.hidden = names.length === 0;
}

/* Says who is writing, once somebody was. */
let typing = null;

function showTyping(somebody) {
  if (somebody.room_id !== room || somebody.user_id === reader) return;
  typing ||= load("typing-script").then(({ Typing }) => new Typing(word));
  typing.then((shown) => shown.start(somebody)).catch(() => (typing = null));
}

function showConnection(state, text) {
  const shown = document.getElementById("connection");
  shown.dataset.state = state;
  shown.textContent = text;
}

/* ---- What happens ---- */

function show({ id, fragment, mentions, mentions_room }) {
  const fresh = parse(fragment);
  requote(id, fresh);
  const isCalled = reader !== null && (mentions_room || mentions.includes(reader));
  fresh.classList.toggle("calls", isCalled);
  announce(showMessage(fresh));
}

/* The events as the server sends them to pages (ngw2f/live/page.py). */
const handlers = {
  "message.created": (message) => {
    attention.created(message);
    if (message.room_id !== room) return;
    typing?.then((shown) => shown.stop(message.user_id));
    if (message.user_id === reader) composer?.arrived(parse(message.fragment));
    show(message);
    /* It is beyond what is here. */
    if (list.dataset.newer) countBelow(below + 1);
    attention.look();
  },
  "message.updated": (message) => {
    if (reader) attention.mentioned(message);
    if (message.room_id === room) show(message);
    notice("see", message, parse(message.fragment));
  },
  "message.deleted": (message) => {
    const item = document.getElementById(`m${message.id}`);
    if (item) drop(item);
    requote(message.id, null);
    attention.deleted(message);
    notice("deleted", message);
  },
  "message.restored": (message) => {
    attention.restored(message);
    if (message.room_id === room) show(message);
  },
  "message.reacted": showReactions,
  "unread.updated": (reading) => {
    attention.updated(reading);
    notice("read", reading);
  },
  "room.created": (created) => withRooms("add", created),
  "room.updated": (changed) => withRooms("change", changed),
  "user.updated": showUser,
  typing: showTyping,
  resync: () => void (withHistory("readAgain"), withRooms("readAgain"), readPeople()),
};

/* By room, what its handlers wait for, such as a script: the next events of a room that is not this
 * one come after that, and the others at once. */
const waits = new Map();

function handle(name, data) {
  const id = data.room_id || (name.startsWith("room.") && data.id);
  const run = () => handlers[name]?.(data);
  const before = data.room_id !== room && waits.get(id);
  const done = before ? before.then(run, run) : run();
  if (!done || !id) return;
  waits.set(id, done);
  done.then(() => waits.get(id) === done && waits.delete(id));
}

async function fetchJSON(path, options) {
  const response = await fetch(path, { headers: { Accept: "application/json" }, ...options });
  if (!response.ok) throw await failureOf(response);
  return response.json();
}

/* Return what the server says (RFC 9457). */
async function failureOf(response) {
  const problem = await response.json().catch(() => ({}));
  const error = new Error(problem.detail || response.statusText);
  return Object.assign(error, { status: response.status });
}

async function fetchPage(path) {
  const response = await fetch(path, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(response.statusText);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

function messagesOf(page) {
  return [...page.querySelectorAll("#messages > .message")];
}

/* Show one of the history. So many are not said. */
function showRead(fresh) {
  const item = showMessage(fresh, true);
  if (item) said.add(item);
}

async function readPeople() {
  /* Only the first page: nobody reads a longer list. */
  const { users } = await fetchJSON(`/api/users?online=1&limit=200`);
  online.clear();
  users.forEach(showUser);
  showPeople();
}

/* ---- What one does ---- */

/* Say why, as people would. */
function reasonOf(error) {
  if (!navigator.onLine) return words.offline;
  if (!error.status) return words.silent;
  if (error.status === 401) return words.signedOut;
  return error.message;
}

/* Show what went wrong, until it is over: the next thing goes well, or the line is back. */
function showProblem(text) {
  const shown = document.getElementById("problem");
  shown.textContent = text;
  shown.dataset.offline = text && !navigator.onLine ? "1" : "";
}

function forgetOffline() {
  if (document.getElementById("problem")?.dataset.offline) showProblem("");
}

/* Do what a message's links and forms ask for, without a reload, which would lose the place. */
function act(event) {
  const item = event.target.closest(".message");
  const links = ".edit, .reply, .react, .copy, .quote";
  const what = event.type === "submit" ? event.target : event.target.closest(links);
  if (!item || !what || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const [action] = what.classList;
  const quoted = document.getElementById(`m${what.dataset.of}`);
  /* Of a message that is elsewhere, the link leads there. */
  if (!actions.includes(action) || (action === "quote" && !quoted)) return;
  event.preventDefault();
  what.closest(".actions:popover-open")?.hidePopover();
  if (action === "reply") composer?.answer(item);
  else if (quoted) {
    location.hash = quoted.id;
    focusOn(quoted);
  } else talk(action, item, event.submitter || what);
}

const actions = ["edit", "reply", "react", "reactions", "copy", "delete", "mark-unread", "quote"];
const tools = {
  list, pane, room, reader, element, idOf, focusOn, drop, arrange, neighbour, lastInView, prepare, press,
  emptyItem, firstLineOf, fetchJSON, fetchPage, messagesOf, showRead, failureOf, reasonOf, showProblem,
  showPosted, sayText, goToEnd, parse,
  load,
  word,
  online,
  most: MAX_MESSAGES,
  prepareRead(item) {
    prepare(item);
    said.add(item);
  },
};

/* Return what does something with a script that is loaded then; one that fails to load is asked for
 * again. */
function lazily(name, make, failed) {
  let made = null;
  return async (action, ...what) => {
    try {
      made ||= load(name).then(make);
      made.catch(() => (made = null));
      await (await made)[action](...what);
    } catch (error) {
      failed?.(error);
    }
  };
}

const talk = lazily("talk", ({ Talk }) => new Talk(tools), (error) =>
  showProblem(word("notDone", reasonOf(error))),
);
/* Where one of these fails, links lead there, and scrolling tries again. */
const withHistory = lazily("history", ({ History }) => new History(tools));
const withRooms = lazily("rooms-script", ({ Rooms }) => new Rooms(tools));

/* The arrow up in an empty field leads to one's last message. */
function editLast(event) {
  if (event.key !== "ArrowUp" || event.target.value) return;
  event.preventDefault();
  talk("editLast");
}

/* ---- Start ---- */

const attention = list && new Attention({
  list,
  room,
  reader,
  word,
  lastSeen: () => (lastInView() ? idOf(lastInView()) : 0),
  lineBefore,
});
const form = document.querySelector(".room .composer");
Object.assign(tools, { attention, form });
const composer = form && new Composer(form, tools);

/* Go to the message that the URL names, if it is on another page of the history. */
function lookForTarget() {
  const [, id] = /^#m([1-9][0-9]{0,9})$/.exec(location.hash) || [];
  if (id && !document.getElementById(`m${id}`)) withHistory("seek", id);
}

function start() {
  pane.addEventListener("keydown", moveByKey);
  /* What a search has found is not a part of one room. */
  if (list.dataset.hits) return;
  window.addEventListener("hashchange", lookForTarget);
  lookForTarget();
  for (const type of ["submit", "click"]) list.addEventListener(type, act);
  const isAsked = location.hash && location.hash !== "#end";
  if (list.dataset.live && !isAsked && !pane.matches(".from-start")) scrollToEnd();
  pane.addEventListener("scroll", noteScrolling, { passive: true });
  pane.addEventListener("click", turn);
  if (!list.dataset.live) withHistory("look");
  document.getElementById("below").addEventListener("click", goToEnd);
  readPeople().catch(() => {});
  new SharedStream({
    words,
    cursor: list.dataset.cursor,
    reader,
    names: Object.keys(handlers),
    handle,
    show: showConnection,
    /* Events about who is online may be missing. */
    isBack() {
      forgetOffline();
      attention.look();
      composer?.retry("failed");
      readPeople().catch(() => {});
    },
  }).start();
  if (composer) {
    composer.field.addEventListener("keydown", editLast);
    composer.start();
  }
  /* Last, because a browser may refuse to store anything. */
  attention.start();
  if (reader) notices = startNotices().catch(() => {});
}

async function startNotices() {
  if (localStorage.getItem(`ngw2f-notices-${reader}`) !== "on") return;
  const { begin } = await load("notices");
  return begin({ reader, room, attention, word });
}

function notice(action, ...what) {
  notices?.then((wanted) => wanted?.[action](...what));
}

let looked = 0;

function noteScrolling() {
  if (isAtEnd()) countBelow(0);
  attention.look();
  /* Once a frame. */
  looked ||= requestAnimationFrame(() => {
    looked = 0;
    if (!isAtEnd() || list.dataset.newer) withHistory("look");
  });
}

/* What the links to other parts of the history lead to comes to this page. */
function turn(event) {
  const link = event.target.closest(".older a[rel], .newer a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  withHistory("turn", link.rel);
}

if (list) {
  document.documentElement.classList.add("scripted");
  for (const item of list.querySelectorAll(".message")) {
    prepare(item);
    if (!list.dataset.hits) arrange(item);
    if (!item.hasAttribute("aria-busy")) said.add(item);
  }
  start();
}
