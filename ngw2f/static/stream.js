/* Brings events to a page. One tab of a browser holds the stream for all its tabs.
 *
 * Over HTTP/1.1 a browser opens six connections per host for all tabs together, so six tabs with a
 * stream each would leave none for anything else. The tab that holds the lock listens, by
 * Server-Sent Events or, if these do not get through, by long polling, and passes the events on to
 * the others. When it is closed, the next tab gets the lock. Each tab knows the last event that it
 * handled; each event says which one it follows, and a tab asks the server for those it missed.
 *
 * Browsers have locks only on secure pages (HTTPS, localhost). Elsewhere each tab has its own
 * stream while it is visible. */

const RETRY_MILLISECONDS = 1000;
const MAX_RETRY_MILLISECONDS = 15000;
const FAILURES_BEFORE_POLLING = 3;
/* How long to poll before streams are tried again. */
const POLLING_MILLISECONDS = 60000;
/* The listening tab answers at once, unless the browser has put it to sleep. */
const ANSWER_MILLISECONDS = 3000;
/* How often a tab asks for missed events before it reads everything again. */
const MAX_QUESTIONS = 5;

const AS_PAGE = `as=page&language=${document.documentElement.lang}`;

/* Compare two ids; each is two numbers: milliseconds and a counter. */
function isAfter(one, other) {
  const [a, b] = [one, other].map((id) => id.split("-").map(BigInt));
  return a[0] === b[0] ? a[1] > b[1] : a[0] > b[0];
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function ask(cursor, wait) {
  const path = `/api/events?wait=${wait}&after=${encodeURIComponent(cursor)}&${AS_PAGE}`;
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(response.statusText);
  return response.json();
}

/* One tab's part in the stream. `names` are the events to listen for. Calls `handle(name, data)`
 * for each event, once and in order; `show(state, text)` when the connection is "live" or "away";
 * `isBack()` when it is live again. */
export class SharedStream {
  constructor({ words, cursor, reader, names, handle, show, isBack }) {
    Object.assign(this, { words, cursor, names, handle, show, isBack });
    /* Another user gets other events. */
    this.name = `ngw2f-${AS_PAGE}-${reader || "anonymous"}`;
    this.isShared = Boolean(navigator.locks && window.BroadcastChannel);
    this.state = this.text = "";
    /* In the listening tab: a new term each time that it starts to listen. */
    this.term = null;
    this.failures = 0;
    /* In the other tabs: the messages from the listening tab that are not handled yet. */
    this.heard = [];
    this.isCatchingUp = this.isAnswered = false;
  }

  start() {
    window.addEventListener("offline", () => this.setState("away", this.words.away));
    window.addEventListener("online", () => this.reconnect());
    window.addEventListener("pagehide", () => this.leave());
    window.addEventListener("pageshow", (event) => event.persisted && this.join());
    document.addEventListener("visibilitychange", () => this.look());
    this.join();
  }

  join() {
    if (this.isShared) {
      this.channel = new BroadcastChannel(this.name);
      this.channel.onmessage = (event) => this.hear(event.data);
      this.waitForLock({});
    }
    this.look();
  }

  leave() {
    if (this.candidacy) this.candidacy.abort();
    if (this.channel) this.channel.close();
    this.candidacy = this.channel = null;
    this.stopLeading();
  }

  waitForLock({ steal = false }) {
    const candidacy = new AbortController();
    if (this.candidacy) this.candidacy.abort();
    this.candidacy = candidacy;
    const holdLock = () =>
      new Promise((resolve) => {
        if (this.candidacy !== candidacy) return resolve();
        this.release = resolve;
        return this.lead();
      });
    const options = steal ? { steal } : { signal: candidacy.signal };
    navigator.locks.request(this.name, options, holdLock).catch(() => {
      /* Another tab stole the lock, because this one was asleep. */
      if (this.candidacy !== candidacy) return;
      this.stopLeading();
      this.waitForLock({});
    });
  }

  /* The page has become visible, or hidden. */
  async look() {
    const isVisible = document.visibilityState === "visible";
    if (!this.isShared) {
      if (isVisible) this.lead();
      else this.stopLeading();
    } else if (isVisible && !this.term && this.channel) {
      this.isAnswered = false;
      this.channel.postMessage({ kind: "hello" });
      await sleep(ANSWER_MILLISECONDS);
      if (!this.isAnswered && !this.term && this.channel) this.waitForLock({ steal: true });
    }
  }

  reconnect() {
    /* The stream may have survived; then no other event would say so. */
    if (this.term && !this.term.isPolling) this.listen(this.term);
    this.look();
  }

  /* ---- The tab that listens ---- */

  lead() {
    if (this.term) return;
    this.heard = [];
    this.term = { source: null, retry: 0, isPolling: false };
    this.listen(this.term);
  }

  stopLeading() {
    if (this.term) {
      clearTimeout(this.term.retry);
      if (this.term.source) this.term.source.close();
    }
    this.term = null;
    if (this.release) this.release();
    this.release = null;
  }

  listen(term) {
    clearTimeout(term.retry);
    if (term.source) term.source.close();
    const source = new EventSource(`/events?after=${encodeURIComponent(this.cursor)}&${AS_PAGE}`);
    term.source = source;
    source.onopen = () => this.succeed();
    source.onerror = () => {
      this.fail();
      /* The browser would reconnect by itself, but not after every kind of error, and all
       * browsers at the same moment. */
      source.close();
      const isHopeless = this.failures >= FAILURES_BEFORE_POLLING;
      term.retry = setTimeout(() => (isHopeless ? this.poll(term) : this.listen(term)), this.pause());
    };
    for (const name of this.names) {
      source.addEventListener(name, (event) => {
        this.take(event.lastEventId, name, JSON.parse(event.data));
      });
    }
  }

  /* Poll for a while, then try a stream again. */
  async poll(term) {
    const until = Date.now() + POLLING_MILLISECONDS;
    term.isPolling = true;
    while (this.term === term && Date.now() < until) {
      try {
        const answer = await ask(this.cursor, 20);
        if (this.term !== term) return;
        this.succeed();
        for (const { id, event, data } of answer.events) this.take(id, event, data);
        this.cursor = answer.next;
      } catch {
        this.fail();
        await sleep(this.pause());
      }
    }
    term.isPolling = false;
    if (this.term === term) this.listen(term);
  }

  /* Handle an event from this tab's own connection, and pass it on to the others. */
  take(id, name, data) {
    if (this.channel) {
      this.channel.postMessage({ kind: "event", after: this.cursor, id, name, data });
    }
    this.cursor = id;
    this.handle(name, data);
  }

  pause() {
    const longest = Math.min(RETRY_MILLISECONDS * 2 ** this.failures, MAX_RETRY_MILLISECONDS);
    return longest * (0.3 + 0.7 * Math.random());
  }

  succeed() {
    this.failures = 0;
    this.setState("live", "");
    this.tell();
  }

  fail() {
    this.failures += 1;
    this.setState("away", navigator.onLine ? this.words.unanswered : this.words.away);
    this.tell();
  }

  tell() {
    if (!this.channel) return;
    const { state, text, cursor } = this;
    this.channel.postMessage({ kind: "state", state, text, cursor });
  }

  setState(state, text) {
    const isBack = this.state === "away" && state === "live";
    Object.assign(this, { state, text });
    this.show(state, text);
    if (isBack) this.isBack();
  }

  /* ---- The other tabs ---- */

  hear(message) {
    if (this.term) {
      if (message.kind === "hello") this.tell();
      return;
    }
    if (message.kind === "hello") return;
    this.isAnswered = true;
    if (message.kind === "state" && message.state) this.setState(message.state, message.text);
    const after = message.kind === "state" ? message.cursor : message.after;
    this.heard.push({ ...message, after });
    if (!this.isCatchingUp) this.drain();
  }

  drain() {
    while (this.heard.length) {
      const [{ kind, after, id, name, data }] = this.heard;
      if (name !== "resync" && isAfter(after, this.cursor)) {
        this.catchUp();
        return;
      }
      this.heard.shift();
      if (kind === "event" && (name === "resync" || isAfter(id, this.cursor))) {
        this.cursor = id;
        this.handle(name, data);
      }
    }
  }

  /* Ask the server for the events before the first one that was passed on. */
  async catchUp() {
    this.isCatchingUp = true;
    try {
      for (let question = 0; this.isBehind(); question += 1) {
        if (question) await sleep(this.pause());
        const answer = await ask(this.cursor, 0);
        if (!this.isBehind()) break;
        for (const { event, data } of answer.events) this.handle(event, data);
        this.cursor = answer.next;
        if (this.isBehind() && question === MAX_QUESTIONS) {
          /* The server process does not have them yet: read everything instead. */
          this.cursor = this.heard[0].after;
          this.handle("resync", {});
        }
      }
    } catch {
      await sleep(this.pause());
    }
    this.isCatchingUp = false;
    this.drain();
  }

  /* Return whether events are missing; the listening tab gets them by itself. */
  isBehind() {
    return !this.term && this.heard.length > 0 && isAfter(this.heard[0].after, this.cursor);
  }
}
