/* What the reader has read: the counts in the list of rooms, in the title and the icon, and the
 * position in the room of this page.
 *
 * The server keeps it for an account, the same for all tabs and devices (ngw2f/store/readings.py):
 * the page begins with its counts, and counts on by the events. For anonymous readers, this browser
 * notes which rooms have something new. */

/* Up to here messages are counted. */
const MAX_COUNTED = 100;
/* How long to wait for more before the server is told what is read. */
const SEND_MILLISECONDS = 2000;
/* And when it was told a moment ago: in a room where many read, it hears of each message from all. */
const PAUSE_MILLISECONDS = 10000;
const MAX_UNREAD_ROOMS = 200;
const NOTED = "ngw2f-unread-anonymous";

function shown(count) {
  return count < MAX_COUNTED ? `${count}` : `${MAX_COUNTED - 1}+`;
}

function linkOf(room) {
  return document.querySelector(`.rooms a[data-room="${room}"]`);
}

/* `list` is the room's list of messages; `lastSeen()` returns the id of the last one in view,
 * `lineBefore(id)` draws the line before the first one from an id on. */
export class Attention {
  constructor(tools) {
    Object.assign(this, tools);
    /* By room: up to which id it is read, here and as the server knows; how many messages are not,
     * and which of them mention the reader; whether it is muted, and the reader is in it. */
    this.rooms = new Map();
    /* After a message is marked as unread, it stays so until one comes here again. */
    this.isHeld = false;
    this.wanted = this.timer = this.sentAt = 0;
  }

  start() {
    this.readFrom(document);
    if (!this.reader) {
      this.startNoted();
      return;
    }
    document.addEventListener("visibilitychange", () => this.look());
    window.addEventListener("focus", () => this.look());
    window.addEventListener("blur", () => this.timer && this.send(false));
    window.addEventListener("pagehide", () => this.timer && this.send(true));
    document.getElementById("news")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.isHeld = false;
      this.read(Number(this.list.querySelector(".message:last-of-type").id.slice(1)));
      this.send(false);
    });
    this.look();
  }

  /* Take over the counts of a page that the server has just made. */
  readFrom(page) {
    for (const link of page.querySelectorAll(".rooms a[data-room]")) this.add(link);
    this.showTotal();
  }

  add({ dataset }) {
    if (!this.reader) return;
    const [unread, read] = [dataset.unread, dataset.read].map((text) => Number(text || 0));
    const id = Number(dataset.room);
    const mentions = new Set((dataset.mentions || "").split(" ").filter(Boolean).map(Number));
    const [inRoom, muted] = [dataset.inRoom, dataset.muted].map(Boolean);
    this.rooms.set(id, { unread, mentions, read, confirmed: read, inRoom, muted });
    this.show(id);
  }

  remove(room) {
    this.rooms.delete(room);
    this.showTotal();
  }

  /* ---- Events ---- */

  created({ id, room_id, user_id }) {
    if (!this.reader) return room_id === this.room || this.note(room_id);
    const state = this.rooms.get(room_id);
    if (!state) return;
    if (user_id === this.reader) {
      /* Whoever says something has read what was said before. */
      Object.assign(state, { unread: 0, read: id, confirmed: id });
      state.mentions.clear();
    } else if (id > state.read) {
      state.unread = Math.min(state.unread + 1, MAX_COUNTED);
    }
    this.show(room_id);
    this.showTotal();
  }

  /* Note whom a message mentions, as it is rendered now. */
  mentioned(message) {
    const state = this.rooms.get(message.room_id);
    if (!state) return;
    if (message.id > state.read && this.isFor(message)) state.mentions.add(message.id);
    else state.mentions.delete(message.id);
    this.set(message.room_id, {});
  }

  isFor({ room_id, mentions, mentions_room }) {
    const { inRoom, muted } = this.rooms.get(room_id);
    return mentions.includes(this.reader) || (mentions_room && inRoom && !muted);
  }

  deleted({ id, room_id }) {
    const state = this.rooms.get(room_id);
    if (!state?.unread || id <= state.read) return;
    state.mentions.delete(id);
    /* There may be more than are counted. */
    if (state.unread === MAX_COUNTED) this.ask(room_id);
    else this.set(room_id, { unread: state.unread - 1 });
  }

  restored({ id, room_id }) {
    const state = this.rooms.get(room_id);
    if (!state || id <= state.read) return;
    this.set(room_id, { unread: Math.min(state.unread + 1, MAX_COUNTED) });
  }

  updated({ room_id, last_read_id, unread, mention_ids, muted, in_room }) {
    const state = this.rooms.get(room_id);
    if (!state) return;
    const isBack = last_read_id < state.confirmed;
    const isAhead = !isBack && room_id === this.room && last_read_id < state.read;
    Object.assign(state, { confirmed: last_read_id, muted, inRoom: in_room });
    /* More is read here by now, and the server is about to be told. */
    if (isAhead) return;
    const mentions = new Set(mention_ids);
    this.set(room_id, { unread, mentions, read: last_read_id, muted, inRoom: in_room });
    if (isBack && room_id === this.room) {
      this.isHeld = true;
      this.wanted = 0;
      this.lineBefore(last_read_id + 1);
    }
  }

  /* ---- Reading ---- */

  /* Note what one sees, if one is looking. */
  look() {
    const isLooking = document.visibilityState === "visible" && document.hasFocus();
    const state = this.rooms.get(this.room);
    if (!isLooking || this.isHeld || !state) return;
    const id = this.lastSeen();
    if (id > state.read && state.unread) this.read(id);
    else if (!state.inRoom) this.come(id);
  }

  read(id) {
    const unread = this.countAfter(id);
    const mentions = [...this.rooms.get(this.room).mentions].filter((each) => each > id);
    this.set(this.room, { unread, mentions: new Set(mentions), read: id });
    this.wanted = id;
    const isSoon = Date.now() - this.sentAt < PAUSE_MILLISECONDS;
    const wait = isSoon ? PAUSE_MILLISECONDS : SEND_MILLISECONDS;
    this.timer ||= setTimeout(() => this.send(false), wait);
  }

  /* Return how many messages are unread if all up to an id are read. */
  countAfter(id) {
    const ids = [...this.list.querySelectorAll(".message")].map((item) => Number(item.id.slice(1)));
    if (this.list.dataset.live) return ids.filter((each) => each > id).length;
    /* What comes after this page is not on it. */
    const { unread, read } = this.rooms.get(this.room);
    return Math.max(0, unread - ids.filter((each) => each > read && each <= id).length);
  }

  /* Be in the room, for those who mention all in it. */
  come(id) {
    this.rooms.get(this.room).inRoom = true;
    this.put("read", id, false).catch(() => {});
  }

  async send(keepalive) {
    clearTimeout(this.timer);
    this.timer = 0;
    this.sentAt = Date.now();
    const id = this.wanted;
    const state = this.rooms.get(this.room);
    try {
      if (id > state.confirmed) await this.put("read", id, keepalive);
    } catch {
      /* It is told with the next message that is read, or when one comes back. */
      state.read = state.confirmed;
    }
  }

  async markUnread(id) {
    clearTimeout(this.timer);
    this.timer = 0;
    this.isHeld = true;
    const reading = await this.put("unread", id, false);
    this.updated(reading);
    this.lineBefore(id);
  }

  async put(what, id, keepalive) {
    const response = await fetch(`/api/rooms/${this.room}/${what}`, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ message_id: id }),
      keepalive,
    });
    if (!response.ok) throw Object.assign(new Error(response.statusText), { status: response.status });
    return response.json();
  }

  async ask(room) {
    /* Nothing moves: it says how things are. */
    const response = await fetch(`/api/rooms/${room}/read`, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ message_id: 0 }),
    });
    if (response.ok) this.updated(await response.json());
  }

  /* ---- What is shown ---- */

  set(room, changes) {
    Object.assign(this.rooms.get(room), changes);
    this.show(room);
    this.showTotal();
  }

  show(room) {
    const { unread, mentions, muted } = this.rooms.get(room);
    const link = linkOf(room);
    if (link) {
      link.classList.toggle("unread", unread > 0);
      const old = link.querySelector(".count");
      old?.previousSibling?.remove();
      old?.remove();
      if (unread) link.append(" ", this.count(unread, mentions.size));
      link.toggleAttribute("data-muted", muted);
    }
    if (room !== this.room) return;
    const news = document.getElementById("news");
    if (!news) return;
    news.hidden = unread === 0;
    if (unread) news.querySelector("a").textContent = this.word("news", shown(unread));
  }

  count(unread, mentions) {
    const made = document.createElement("span");
    const what = document.createElement("span");
    made.className = "count";
    what.className = "spoken";
    made.classList.toggle("calls", mentions > 0);
    what.textContent = ` ${this.word(mentions ? "calls" : "unread", shown(mentions))}`;
    made.append(shown(unread), what);
    return made;
  }

  showTotal() {
    if (!this.reader) return;
    /* A muted room has no news, but for those whom it mentions. */
    const rooms = [...this.rooms.values()];
    const newsOf = ({ unread, mentions, muted }) => (muted ? mentions.size : unread);
    const total = rooms.reduce((sum, room) => sum + newsOf(room), 0);
    const mentioned = rooms.reduce((sum, { mentions }) => sum + mentions.size, 0);
    const inbox = document.querySelector(".inbox");
    inbox.querySelector(".count")?.remove();
    if (mentioned) inbox.append(this.count(mentioned, mentioned));
    const { title, icon, unreadIcon } = this.list.dataset;
    document.title = total ? `(${shown(total)}) ${title}` : title;
    /* On the icon of the page where it is installed. */
    navigator.setAppBadge?.(mentioned).catch(() => {});
    document.getElementById("icon").href = total ? unreadIcon : icon;
  }

  /* ---- Without an account ---- */

  noted() {
    return new Set(JSON.parse(localStorage.getItem(NOTED) || "[]"));
  }

  note(room) {
    linkOf(room)?.classList.add("unread");
    this.keep(this.noted().add(room));
  }

  keep(rooms) {
    localStorage.setItem(NOTED, JSON.stringify([...rooms].slice(-MAX_UNREAD_ROOMS)));
  }

  startNoted() {
    const rooms = this.noted();
    if (rooms.delete(this.room)) this.keep(rooms);
    for (const room of rooms) linkOf(room)?.classList.add("unread");
  }
}
