/* The room's page, live: what happens comes by the stream (stream.js); what is written goes out
 * by fetch. Without this script the page is the same, by forms and reloads. */

/* By the URL that the page names, which has the version in it. */
const { SharedStream } = await import(document.getElementById("stream").href);

const list = document.getElementById("messages");
const room = list && list.dataset.room ? Number(list.dataset.room) : null;
const reader = list && list.dataset.reader ? Number(list.dataset.reader) : null;

const TYPING_MILLISECONDS = 4000;
const NEAR_THE_END_PIXELS = 120;
/* As many messages as the history gives at once. */
const PAGE = 200;
/* A page that stays open for weeks shows so many messages, and so many rooms that it did not
 * come with; the others are a link away. */
const MAX_MESSAGES = 1000;
const MAX_NEW_ROOMS = 50;

const online = new Map();

/* ---- What is on the page ---- */

function isAtEnd() {
  const page = document.scrollingElement;
  return page.scrollHeight - page.scrollTop - page.clientHeight < NEAR_THE_END_PIXELS;
}

function scrollToEnd() {
  document.getElementById("end").scrollIntoView({ block: "end" });
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function showTime(time) {
  const at = new Date(time.dateTime);
  const isToday = at.toDateString() === new Date().toDateString();
  const clock = { hour: "2-digit", minute: "2-digit" };
  const day = { month: "short", day: "numeric" };
  time.textContent = at.toLocaleString([], isToday ? clock : { ...day, ...clock });
  time.title = at.toLocaleString();
}

/* What the server made of a template, as an element. The server made it safe
 * (ngw2f/text/markdown.py); nothing in it runs or loads before it is in the page. */
function parse(fragment) {
  const template = document.createElement("template");
  template.innerHTML = fragment;
  return template.content.firstElementChild;
}

/* Put a message where its id says, or change the one that is there. */
function showMessage(fresh) {
  const wasAtEnd = isAtEnd();
  const item = document.getElementById(fresh.id);
  if (item && Number(item.dataset.updated) > Number(fresh.dataset.updated)) return;
  showTime(fresh.querySelector("time"));
  if (Number(fresh.dataset.user) !== reader) fresh.querySelector(".actions")?.remove();
  if (item) change(item, fresh);
  else if (!place(fresh)) return;
  if (!wasAtEnd) return;
  dropOldest();
  scrollToEnd();
}

/* Say whether there is a place for it: what is older than the page is for the history. */
function place(fresh) {
  const known = [...list.querySelectorAll(".message")];
  if (list.dataset.older && known.length && idOf(fresh) < idOf(known[0])) return false;
  fresh.classList.add("arriving");
  const next = known.reverse().find((each) => idOf(each) < idOf(fresh));
  if (next) next.after(fresh);
  else list.prepend(fresh);
  list.querySelector(".empty")?.remove();
  return true;
}

/* What is the same stays: it may be selected, or have the focus, or have been read out. */
function change(item, fresh) {
  item.dataset.updated = fresh.dataset.updated;
  const parts = [...item.children];
  for (const part of [...fresh.children]) {
    const old = parts.shift();
    if (!old) item.append(part);
    else if (!old.isEqualNode(part)) old.replaceWith(part);
  }
  for (const part of parts) part.remove();
}

/* Show a message of the reader's own that was just stored, where its event is not here yet. */
function showPosted(message) {
  if (document.getElementById(`m${message.id}`)) return;
  const item = document.getElementById("on-its-way").content.firstElementChild.cloneNode(true);
  item.id = `m${message.id}`;
  item.querySelector("time").dateTime = new Date(message.created_at * 1000).toISOString();
  item.querySelector(".text").innerHTML = message.html;
  showMessage(item);
}

/* Nobody is reading the oldest messages: the page is at its end. */
function dropOldest() {
  const items = [...list.querySelectorAll(".message")];
  if (items.length <= MAX_MESSAGES) return;
  for (const item of items.slice(0, -MAX_MESSAGES)) item.remove();
  const first = idOf(items.at(-MAX_MESSAGES));
  list.dataset.older = first;
  const link = document.querySelector(".older a");
  link.rel = "prev";
  link.href = `${location.pathname}?before=${first}`;
  link.parentElement.hidden = false;
}

function idOf(item) {
  return Number(item.id.slice(1));
}

const newRooms = [];

function showRoom(item) {
  /* By its id: two private rooms may have one name. */
  const { room: id } = item.querySelector("a").dataset;
  if (document.querySelector(`.rooms a[data-room="${id}"]`)) return;
  document.querySelector(".rooms ul").append(item);
  newRooms.push(item);
  if (newRooms.length > MAX_NEW_ROOMS) newRooms.shift().remove();
}

function markUnread(roomId) {
  const link = document.querySelector(`.rooms a[data-room="${roomId}"]`);
  if (link) link.classList.add("unread");
}

function showUser(user) {
  if (user.online) online.set(user.id, user.nickname);
  else online.delete(user.id);
  for (const who of list.querySelectorAll(`.message[data-user="${user.id}"] .nickname`)) {
    who.textContent = user.nickname;
  }
  showPeople();
}

function showPeople() {
  const people = document.getElementById("people");
  const names = [...online.values()].sort((a, b) => a.localeCompare(b));
  people.replaceChildren(...names.map((name) => element("li", "", name)));
  people.parentElement.hidden = names.length === 0;
}

const typing = new Map();

function showTyping({ room_id, user_id, nickname }) {
  if (room_id !== room || user_id === reader) return;
  clearTimeout(typing.get(user_id)?.timer);
  const timer = setTimeout(() => stopTyping(user_id), 6000);
  typing.set(user_id, { nickname, timer });
  describeTyping();
}

function stopTyping(userId) {
  clearTimeout(typing.get(userId)?.timer);
  typing.delete(userId);
  describeTyping();
}

function describeTyping() {
  const names = Array.from(typing.values(), ({ nickname }) => nickname);
  const several = names.length > 3 ? "Several people are" : `${names.join(", ")} are`;
  const text = names.length === 1 ? `${names[0]} is` : several;
  document.getElementById("typing").textContent = names.length ? `${text} writing…` : "";
}

function showConnection(state, text) {
  const shown = document.getElementById("connection");
  shown.dataset.state = state;
  shown.textContent = text;
}

/* ---- What happens ---- */

/* As the server tells them to pages (ngw2f/live/page.py). */
const handlers = {
  "message.created": ({ room_id, user_id, fragment }) => {
    if (room_id !== room) return markUnread(room_id);
    stopTyping(user_id);
    return showMessage(parse(fragment));
  },
  "message.updated": ({ room_id, fragment }) => room_id === room && showMessage(parse(fragment)),
  "message.deleted": (message) => {
    const item = document.getElementById(`m${message.id}`);
    if (item) item.remove();
  },
  "room.created": ({ fragment }) => showRoom(parse(fragment)),
  "room.updated": ({ fragment }) => showRoom(parse(fragment)),
  "user.updated": showUser,
  typing: showTyping,
  resync: () => (readHistory(), readPeople(), readRooms()),
};

function handle(name, data) {
  if (handlers[name]) handlers[name](data);
}

async function fetchJSON(path, options) {
  const response = await fetch(path, { headers: { Accept: "application/json" }, ...options });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    const error = new Error(problem.detail || response.statusText);
    throw Object.assign(error, { status: response.status });
  }
  return response.json();
}

async function fetchPage(path) {
  const response = await fetch(path, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(response.statusText);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

async function fetchMessages(query = "") {
  const page = await fetchPage(location.pathname + query);
  return [...page.querySelectorAll("#messages > .message")];
}

/* Events are missing: what there is now takes the place of what happened. */
async function readHistory() {
  const items = [...list.querySelectorAll(".message")];
  const messages = await fetchMessages();
  const known = new Set(messages.map((message) => message.id));
  for (const item of items) {
    if (messages.length && idOf(item) >= idOf(messages[0]) && !known.has(item.id)) item.remove();
  }
  messages.forEach(showMessage);
  if (items.length && messages.length) await readBetween(idOf(items.at(-1)), idOf(messages[0]));
}

/* More may have been said than a page of the history has. */
async function readBetween(after, before) {
  while (after < before) {
    const messages = await fetchMessages(`?limit=${PAGE}&after=${after}`);
    messages.forEach(showMessage);
    if (messages.length < PAGE) return;
    after = idOf(messages.at(-1));
  }
}

async function readPeople() {
  /* The first page of them; a longer list is nothing to read. */
  const { users } = await fetchJSON(`/api/users?online=1&limit=${PAGE}`);
  online.clear();
  users.forEach(showUser);
  showPeople();
}

async function readRooms() {
  /* What is newer than all that are shown; the page /rooms has the rest. */
  const shown = [...document.querySelectorAll(".rooms a[data-room]")];
  const newest = Math.max(0, ...shown.map((link) => Number(link.dataset.room)));
  const page = await fetchPage(`/rooms?after=${newest}`);
  for (const link of page.querySelectorAll(".all-rooms a[data-room]")) showRoom(link.closest("li"));
}

/* ---- What is written ---- */

/* A message on its way, by a key that stays the same however often it is sent: the server stores
 * it once (the field Idempotency-Key). */
class Outgoing {
  constructor(source) {
    this.source = source;
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    this.key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  post() {
    return fetchJSON(`/api/rooms/${room}/messages`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": `"${this.key}"` },
      body: JSON.stringify({ source: this.source }),
    });
  }
}

/* Say what became of a message that was not acknowledged, as far as it is known. */
function describeFailure(error) {
  if (!navigator.onLine) return "Not sent: you are offline.";
  if (error.status < 500) return `Not sent: ${error.message}`;
  const why = error.status ? error.message : "the chat did not answer";
  return `Not sure that it was sent: ${why}. Send it again: it will not be there twice.`;
}

/* Show a message that did not get through while the next one is being written. */
function keepUnsent(outgoing, send) {
  const item = element("li", "", outgoing.source);
  const again = element("button", "quiet", "Send again");
  again.addEventListener("click", () => {
    item.remove();
    send(outgoing);
  });
  item.append(" ", again);
  document.getElementById("unsent").append(item);
}

/* Characters, as the server counts them: line ends are one, and so is an emoji. */
function lengthOf(text) {
  return [...text.replace(/\r\n?/g, "\n")].length;
}

/* Say how much too long a text is, before it is sent; nothing of it is cut off. */
function checkLength(field) {
  const most = Number(field.form.dataset.characters);
  const excess = lengthOf(field.value) - most;
  const text = excess > 0 ? `${excess} characters too many: a message has at most ${most}.` : "";
  field.setCustomValidity(text);
  document.getElementById("length").textContent = text;
}

function startComposer(form) {
  const field = form.elements.source;
  const told = document.getElementById("problem");
  let toldAt = 0;
  let last = Promise.resolve();
  /* The message in the field, if it came back unsent and nobody has changed it. */
  let returned = null;

  async function send(outgoing) {
    try {
      showPosted(await outgoing.post());
      told.textContent = "";
      scrollToEnd();
    } catch (error) {
      told.textContent = describeFailure(error);
      /* Nothing that was written is lost. */
      if (field.value) keepUnsent(outgoing, send);
      else [returned, field.value] = [outgoing, outgoing.source];
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const source = field.value;
    if (!source.trim()) return;
    const outgoing = returned && returned.source === source ? returned : new Outgoing(source);
    [returned, field.value] = [null, ""];
    /* One after the other, so that they are stored in the order in which they were written. */
    last = last.then(() => send(outgoing));
  });
  field.addEventListener("keydown", (event) => {
    /* The key that ends an input method's word sends nothing; Safari says so by 229 alone. */
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    form.requestSubmit();
  });
  field.addEventListener("input", () => {
    checkLength(field);
    if (!field.value || Date.now() - toldAt < TYPING_MILLISECONDS) return;
    toldAt = Date.now();
    fetch(`/api/rooms/${room}/typing`, { method: "POST" }).catch(() => {});
  });
}

/* Without a reload, which would lose what is being written, and the place in the history. */
async function remove(event) {
  const item = event.target.closest(".message");
  event.preventDefault();
  try {
    const response = await fetch(`/api/messages/${idOf(item)}`, { method: "DELETE" });
    if (response.ok || response.status === 404) item.remove();
    else event.target.submit();
  } catch (error) {
    document.getElementById("problem").textContent = `Not deleted: ${error.message}`;
  }
}

/* ---- Start ---- */

function start() {
  /* An older page of the history stays as it is. */
  if (!list.dataset.live) return;
  const composer = document.querySelector(".room .composer");
  if (composer) startComposer(composer);
  list.addEventListener("submit", remove);
  if (!location.hash || location.hash === "#end") scrollToEnd();
  readPeople().catch(() => {});
  new SharedStream({
    cursor: list.dataset.cursor,
    reader,
    names: Object.keys(handlers),
    handle,
    show: showConnection,
    /* Who came and went meanwhile is told only while the server remembers it. */
    isBack: () => readPeople().catch(() => {}),
  }).start();
}

if (list) {
  document.querySelectorAll("time").forEach(showTime);
  start();
}
