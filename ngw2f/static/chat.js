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

const nicknames = new Map();
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

function actionsOf(message) {
  const actions = element("span", "actions");
  const edit = element("a", "", "Edit");
  edit.href = `/messages/${message.id}/edit`;
  const form = element("form", "inline");
  form.method = "post";
  form.action = `/messages/${message.id}/delete`;
  form.append(element("button", "quiet", "Delete"));
  actions.append(edit, form);
  return actions;
}

function buildMessage(message) {
  const item = element("li", "message arriving");
  item.id = `m${message.id}`;
  item.dataset.user = message.user_id;
  const head = element("div", "head");
  const who = element("b", "nickname");
  const time = element("time");
  time.dateTime = new Date(message.created_at * 1000).toISOString();
  showTime(time);
  head.append(who, " ", time);
  if (message.user_id === reader) head.append(actionsOf(message));
  item.append(head, element("div", "text"));
  nicknameOf(message.user_id).then((nickname) => (who.textContent = nickname));
  return item;
}

/* A link's preview, as ngw2f/templates/previews.html has it. What other sites say of
 * themselves is text here, never HTML. */
function buildPreview(preview) {
  const link = element("a", "preview");
  link.href = preview.url;
  link.rel = "nofollow noopener noreferrer";
  if (preview.image) {
    const image = element("img");
    image.width = preview.image_width;
    image.height = preview.image_height;
    image.alt = "";
    image.src = preview.image;
    link.append(image);
  }
  link.append(isolated("span", "site", preview.site_name));
  if (preview.title) link.append(isolated("b", "title", preview.title));
  if (preview.description) {
    link.append(isolated("span", "description", preview.description));
  }
  return link;
}

/* Text of strangers, whose direction does not spread to what is beside it. */
function isolated(name, className, text) {
  const made = element(name, className);
  made.append(element("bdi", "", text));
  return made;
}

function showPreviews(item, previews) {
  for (const old of item.querySelectorAll(":scope > .preview")) old.remove();
  item.append(...previews.map(buildPreview));
}

/* Put a message where its id says, or change the one that is there. */
function showMessage(message) {
  const wasAtEnd = isAtEnd();
  let item = document.getElementById(`m${message.id}`);
  if (item && Number(item.dataset.updated || 0) > message.updated_at) return;
  if (!item) {
    const known = [...list.querySelectorAll(".message")];
    if (list.dataset.older && known.length && message.id < idOf(known[0])) return;
    item = buildMessage(message);
    const next = known.reverse().find((each) => idOf(each) < message.id);
    if (next) next.after(item);
    else list.prepend(item);
    const empty = list.querySelector(".empty");
    if (empty) empty.remove();
  }
  item.dataset.updated = message.updated_at;
  /* Made safe by the server (ngw2f/text/markdown.py). What is selected, and was read out,
   * stays where nothing has changed. */
  const text = item.querySelector(".text");
  if (text.innerHTML !== message.html) text.innerHTML = message.html;
  showPreviews(item, message.previews);
  if (!wasAtEnd) return;
  dropOldest();
  scrollToEnd();
}

/* Nobody is reading the oldest messages: the page is at its end. */
function dropOldest() {
  const items = [...list.querySelectorAll(".message")];
  if (items.length <= MAX_MESSAGES) return;
  for (const item of items.slice(0, -MAX_MESSAGES)) item.remove();
  const first = idOf(items.at(-MAX_MESSAGES));
  list.dataset.older = first;
  let link = document.querySelector(".older a");
  if (!link) {
    link = element("a", "", "Older messages");
    link.rel = "prev";
    const line = element("p", "older");
    line.append(link);
    list.before(line);
  }
  link.href = `${location.pathname}?before=${first}`;
}

function idOf(item) {
  return Number(item.id.slice(1));
}

async function nicknameOf(userId) {
  if (!nicknames.has(userId)) {
    const asked = fetchJSON(`/api/users/${userId}`).then((user) => user.nickname);
    nicknames.set(userId, asked.catch(() => (nicknames.delete(userId), "?")));
  }
  return nicknames.get(userId);
}

/* A name as one segment of a path: all but letters, digits and "-._~" encoded, as the server
 * writes it (RFC 3986 section 2.3); encodeURIComponent leaves more. */
function segment(name) {
  const hexadecimal = (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(name).replace(/[!'()*]/g, hexadecimal);
}

const newRooms = [];

function showRoom(changed) {
  /* By its id: two private rooms may have one name. */
  if (document.querySelector(`.rooms a[data-room="${changed.id}"]`)) return;
  const link = element("a", "", `${changed.private ? "🔒" : "#"} ${changed.name}`);
  /* An event from before an upgrade does not say where. */
  link.href = changed._links.page || `/rooms/${segment(changed.name)}`;
  link.dataset.room = changed.id;
  const item = element("li");
  item.append(link);
  document.querySelector(".rooms ul").append(item);
  newRooms.push(item);
  if (newRooms.length > MAX_NEW_ROOMS) newRooms.shift().remove();
}

function markUnread(roomId) {
  const link = document.querySelector(`.rooms a[data-room="${roomId}"]`);
  if (link) link.classList.add("unread");
}

function showUser(user) {
  nicknames.set(user.id, Promise.resolve(user.nickname));
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

function showTyping(who) {
  if (who.room_id !== room || who.user_id === reader) return;
  clearTimeout(typing.get(who.nickname));
  const timer = setTimeout(() => (typing.delete(who.nickname), describeTyping()), 6000);
  typing.set(who.nickname, timer);
  describeTyping();
}

function describeTyping() {
  const names = [...typing.keys()];
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

const handlers = {
  "message.created": (message) => {
    if (message.room_id !== room) return markUnread(message.room_id);
    nicknameOf(message.user_id).then((name) => {
      clearTimeout(typing.get(name));
      typing.delete(name);
      describeTyping();
    });
    return showMessage(message);
  },
  "message.updated": (message) => message.room_id === room && showMessage(message),
  "message.deleted": (message) => {
    const item = document.getElementById(`m${message.id}`);
    if (item) item.remove();
  },
  "room.created": showRoom,
  "room.updated": showRoom,
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

/* Events are missing: what there is now takes the place of what happened. */
async function readHistory() {
  const items = [...list.querySelectorAll(".message")];
  const { messages } = await fetchJSON(`/api/rooms/${room}/messages`);
  const known = new Set(messages.map((message) => `m${message.id}`));
  for (const item of items) {
    if (messages.length && idOf(item) >= messages[0].id && !known.has(item.id)) item.remove();
  }
  messages.forEach(showMessage);
  if (items.length && messages.length) await readBetween(idOf(items.at(-1)), messages[0].id);
}

/* More may have been said than a page of the history has. */
async function readBetween(after, before) {
  while (after < before) {
    const path = `/api/rooms/${room}/messages?limit=${PAGE}&after=${after}`;
    const { messages } = await fetchJSON(path);
    messages.forEach(showMessage);
    if (messages.length < PAGE) return;
    after = messages.at(-1).id;
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
  const { rooms } = await fetchJSON(`/api/rooms?after=${newest}`);
  rooms.forEach(showRoom);
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
      showMessage(await outgoing.post());
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
  for (const item of list.querySelectorAll(".message")) {
    const nickname = item.querySelector(".nickname").textContent;
    nicknames.set(Number(item.dataset.user), Promise.resolve(nickname));
    showTime(item.querySelector("time"));
  }
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
