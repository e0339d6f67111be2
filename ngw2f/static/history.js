/* The history of a room: more of it comes as one scrolls, both ways, and what is far away goes.
 * Loaded when somebody first scrolls; without it, links lead to pages of the history.
 *
 * The list says which part of the room it has: `data-older` and `data-newer` are the ids of its
 * first and last message if there are more beyond; with `data-live`, it ends with the newest. */

const PAGE = 50;
/* The most messages that one page of the history has. */
const MOST = 200;
/* More is read when less than this is left to scroll. */
const AHEAD_PIXELS = 2500;

export class History {
  constructor(tools) {
    Object.assign(this, tools);
    this.busy = null;
  }

  /* Read on where one is near an end, until one is not any more. */
  async look() {
    if (this.busy) return;
    const [inside, around] = [this.list, this.pane].map((each) => each.getBoundingClientRect());
    const { older, newer } = this.list.dataset;
    if (older && inside.top > around.top - AHEAD_PIXELS) await this.once(() => this.read("older"));
    else if (newer && inside.bottom < around.bottom + AHEAD_PIXELS) await this.once(() => this.read("newer"));
    else return;
    this.look();
  }

  /* One at a time; raises what fetch raises, and then the links are still there. */
  async once(read) {
    while (this.busy) await this.busy.catch(() => {});
    this.busy = read();
    try {
      await this.busy;
    } finally {
      this.busy = null;
    }
  }

  /* Follow a link to another part of the history; that to its end has no `rel`. */
  async turn(rel) {
    if (rel) await this.once(() => this.read(rel === "prev" ? "older" : "newer"));
    else await this.goToEnd();
  }

  async read(side) {
    const { list } = this;
    /* Another may have read it. */
    if (!list.dataset[side]) return;
    const query = side === "older" ? `before=${list.dataset.older}` : `after=${list.dataset.newer}`;
    const page = await this.fetchPage(`${location.pathname}?limit=${PAGE}&${query}`);
    const items = this.messagesOf(page).filter((item) => !document.getElementById(item.id));
    const beyond = page.getElementById("messages").dataset[side];
    this.keepPlace(() => {
      this.add(items, side);
      this.mark(side, items.length ? beyond : null);
      this.trim(side === "older" ? "newer" : "older");
    });
    /* What was said since that page was made came while nothing was added at the end. */
    if (side === "newer" && this.list.dataset.live) await this.readRest();
  }

  add(items, side) {
    for (const item of items) this.prepareRead(item);
    if (side === "older") this.list.prepend(...items);
    else this.list.append(...items);
    for (const item of items) this.arrange(item);
    if (items.length) this.arrange(this.neighbour(items.at(-1), "nextElementSibling"));
  }

  /* Note whether there is more beyond one side, and show the links to it, or none. */
  mark(side, beyond) {
    const { list } = this;
    const items = list.querySelectorAll(":scope > .message");
    const end = side === "older" ? items[0] : items[items.length - 1];
    const paragraph = document.querySelector(`.history > .${side}`);
    paragraph.hidden = !beyond;
    if (beyond && end) {
      list.dataset[side] = this.idOf(end);
      const link = paragraph.querySelector("a");
      link.rel = side === "older" ? "prev" : "next";
      link.href = `${location.pathname}?${side === "older" ? "before" : "after"}=${list.dataset[side]}`;
      link.hidden = false;
    } else {
      delete list.dataset[side];
    }
    if (side === "newer") {
      if (beyond) delete list.dataset.live;
      else list.dataset.live = "1";
    }
  }

  /* A page that stays open for long, or is scrolled for long, keeps so many. */
  trim(side) {
    const items = [...this.list.querySelectorAll(":scope > .message")];
    const excess = items.length - this.most;
    if (excess <= 0) return;
    const gone = side === "older" ? items.slice(0, excess) : items.slice(-excess);
    for (const item of gone) item.remove();
    this.mark(side, true);
    if (side === "older") this.arrange(items[excess]);
  }

  /* What one reads stays where it is, whatever comes or goes around it. */
  keepPlace(change) {
    const item = this.lastInView() || this.list.lastElementChild;
    const focused = document.activeElement;
    const before = item?.getBoundingClientRect().top;
    /* Some browsers would do it a second time. */
    this.pane.style.overflowAnchor = "none";
    change();
    if (item?.isConnected) this.pane.scrollTop += item.getBoundingClientRect().top - before;
    this.pane.style.overflowAnchor = "";
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  }

  /* Go on by the arrow keys where the page ends, if the history does not. */
  async goBeyond(item, side) {
    const end = side === "previousElementSibling" ? "older" : "newer";
    let next;
    /* What is being read may be of the other end. */
    while (!(next = this.neighbour(item, side)) && item.isConnected && this.list.dataset[end]) {
      await this.once(() => this.read(end));
    }
    if (next && document.activeElement === item) this.focusOn(next);
  }

  /* A message that is not here is on the page that its own address leads to, unless there is none. */
  async seek(id) {
    const options = { method: "HEAD", redirect: "manual" };
    const { type } = await fetch(`/messages/${id}`, options);
    if (type === "opaqueredirect") location.assign(`/messages/${id}`);
  }

  /* Events are missing: read the current messages instead. */
  async readAgain() {
    const items = [...this.list.querySelectorAll(":scope > .message")];
    const isLive = Boolean(this.list.dataset.live);
    const page = await this.fetchPage(location.pathname);
    this.attention.readFrom(page);
    const messages = this.messagesOf(page);
    const first = messages.length ? this.idOf(messages[0]) : Infinity;
    const last = items.length ? this.idOf(items.at(-1)) : 0;
    let known = new Set(messages.map(({ id }) => id));
    if (isLive) messages.forEach(this.showRead);
    else if (items.length) known = await this.readBetween(this.idOf(items[0]) - 1, last);
    for (const item of items) {
      if (!known.has(item.id) && (!isLive || this.idOf(item) >= first)) this.drop(item);
    }
    this.attention.look();
    if (isLive && last && messages.length) await this.readBetween(last, first);
  }

  /* Read all messages between two ids, of which there may be more than one page; return their ids. */
  async readBetween(after, before) {
    const known = new Set();
    while (after < before) {
      const page = await this.fetchPage(`${location.pathname}?limit=${MOST}&after=${after}`);
      const messages = this.messagesOf(page);
      messages.forEach(this.showRead);
      for (const { id } of messages) known.add(id);
      if (messages.length < MOST) break;
      after = this.idOf(messages.at(-1));
    }
    return known;
  }

  async readRest() {
    const last = [...this.list.querySelectorAll(":scope > .message")].at(-1);
    if (last) await this.readBetween(this.idOf(last), Infinity);
  }

  /* Show the newest messages in place of what is here. */
  async newest() {
    if (this.list.dataset.live) return;
    await this.once(async () => {
      const page = await this.fetchPage(location.pathname);
      const fresh = page.getElementById("messages");
      for (const item of this.list.querySelectorAll(":scope > li")) item.remove();
      this.add(this.messagesOf(page), "newer");
      this.mark("older", fresh.dataset.older);
      this.mark("newer", null);
    });
    this.pane.classList.remove("from-start");
    history.replaceState(null, "", location.pathname);
    await this.readRest();
  }
}
