/* How events reach a page: one tab of a browser holds the stream, for all of its tabs.
 *
 * Over HTTP/1.1 a browser opens six connections to a host, for all tabs together, so six tabs
 * with a stream each left none for anything else. The tab that holds the lock listens, by
 * Server-Sent Events or, where these do not get through, by long polling, and hands on what comes.
 * When it is closed the next tab gets the lock. Each tab knows the last event that it heard; what
 * it hears says which event it follows, and if one is missing in between, the tab asks for it.
 *
 * Browsers have locks on secure pages only (HTTPS, localhost). Elsewhere each tab holds a stream of
 * its own, while it is looked at. */

const RETRY_MILLISECONDS = 1000;
const MAX_RETRY_MILLISECONDS = 15000;
const FAILURES_BEFORE_POLLING = 3;
/* How long streams that did not get through are not tried again. */
const POLLING_MILLISECONDS = 60000;
/* The tab that listens answers at once, unless the browser has put it to sleep. */
const ANSWER_MILLISECONDS = 3000;
/* How often a tab asks for what it missed before it reads everything anew. */
const MAX_QUESTIONS = 5;

/* Compare two ids, which are two numbers each: milliseconds and a counter. */
function isAfter(one, other) {
  const [a, b] = [one, other].map((id) => id.split("-").map(BigInt));
  return a[0] === b[0] ? a[1] > b[1] : a[0] > b[0];
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function ask(cursor, wait) {
  const path = `/api/events?wait=${wait}&after=${encodeURIComponent(cursor)}&as=page`;
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(response.statusText);
  return response.json();
}

/* A tab's share in the stream. `names` are the events to listen for. `handle(name, data)` is called
 * for each event, once and in order; `show(state, text)` when the connection is "live" or "away";
 * `isBack()` when it is live again. */
export class SharedStream {
  constructor({ cursor, reader, names, handle, show, isBack }) {
    Object.assign(this, { cursor, names, handle, show, isBack });
    /* Who signs in as somebody else hears other things. */
    this.name = `ngw2f-page-${reader || "anonymous"}`;
    this.isShared = Boolean(navigator.locks && window.BroadcastChannel);
    this.state = this.text = "";
    /* Of the tab that listens; a new term for each time that it does. */
    this.term = null;
    this.failures = 0;
    /* Of the others: what they have heard and not handled yet. */
    this.heard = [];
    this.isCatchingUp = this.isAnswered = false;
  }

  start() {
    window.addEventListener("offline", () => this.setState("away", "You are offline."));
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
      /* Another tab took it, which found this one asleep. */
      if (this.candidacy !== candidacy) return;
      this.stopLeading();
      this.waitForLock({});
    });
  }

  /* The page is looked at, or no more. */
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
    /* The stream may have lived through it, and then nothing else would say so. */
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
    const source = new EventSource(`/events?after=${encodeURIComponent(this.cursor)}&as=page`);
    term.source = source;
    source.onopen = () => this.succeed();
    source.onerror = () => {
      this.fail();
      /* The browser would try again by itself, but not after every kind of error, and
       * all browsers at the same moment. */
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

  /* One long poll after the other; streams get another chance after a while. */
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

  /* Handle an event that came over this tab's own connection, and hand it on. */
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
    const why = navigator.onLine ? "The chat does not answer" : "You are offline";
    this.setState("away", `${why}. Trying again…`);
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

  /* Ask for what is missing before the first of what was heard. */
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
          /* A server process that has not heard of it yet: read what there is now. */
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

  /* Say whether something is missing; a tab that listens hears it by itself. */
  isBehind() {
    return !this.term && this.heard.length > 0 && isAfter(this.heard[0].after, this.cursor);
  }
}
