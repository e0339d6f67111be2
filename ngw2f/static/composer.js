/* The field in which one writes, and the messages that are on their way: each is on the screen at
 * once, says if it could not be sent, and is sent again when the line is back. */

const TYPING_MILLISECONDS = 4000;
const RETRY_MILLISECONDS = 10000;

/* Count characters as the server does: a line end is one, and so is an emoji. */
function lengthOf(text) {
  return [...text.replace(/\r\n?/g, "\n")].length;
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function squeezed(text) {
  return text.replace(/\s+/g, "");
}

/* What this browser keeps, if it lets a page keep anything. */
class Store {
  constructor(name) {
    this.name = name;
  }

  get() {
    try {
      return JSON.parse(localStorage.getItem(this.name));
    } catch {
      return null;
    }
  }

  set(value) {
    try {
      if (value?.length) localStorage.setItem(this.name, JSON.stringify(value));
      else localStorage.removeItem(this.name);
    } catch {
      /* It is full, or forbidden. */
    }
  }
}

/* `tools` are the page's: see chat.js. */
export class Composer {
  constructor(form, tools) {
    Object.assign(this, tools);
    this.form = form;
    this.field = form.elements.source;
    this.outbox = document.getElementById("outbox");
    this.draft = new Store(`ngw2f-draft-${this.reader}-${this.room}`);
    this.attached = new Store(`${this.draft.name}-files`);
    this.answered = new Store(`${this.draft.name}-reply`);
    this.unsent = new Store(`ngw2f-unsent-${this.reader}-${this.room}`);
    /* In the order in which they were written, each with its Idempotency-Key. */
    this.queue = [];
    this.isSending = false;
    this.completion = null;
    this.toldAt = this.timer = 0;
    /* files.js, once there were any. */
    this.files = this.loading = null;
  }

  start() {
    const { field, form } = this;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    field.addEventListener("keydown", (event) => this.pressed(event));
    field.addEventListener("input", () => this.changed());
    document.querySelector("#replying a").addEventListener("click", (event) => {
      event.preventDefault();
      this.answer(null);
    });
    window.addEventListener("online", () => this.retry());
    for (const type of ["change", "paste", "dragover", "dragleave", "drop"]) {
      document.addEventListener(type, (event) => this.takeFiles(event));
    }
    const isBegun = Boolean(field.value);
    this.keepDraft();
    const answered = field.value && this.answered.get();
    if (!form.elements.reply_to.value) this.showAnswered(answered || []);
    /* Somebody may have written before this script was there. */
    if (isBegun) field.dispatchEvent(new Event("input"));
    for (const kept of this.unsent.get() || []) this.add(kept);
    const attached = this.attached.get();
    if (attached) this.withFiles("restore", attached);
    this.drain();
  }

  /* A table is pasted as words, though a spreadsheet has a picture of it too. */
  takeFiles(event) {
    const { files, types } = event.clipboardData || event.dataTransfer || event.target;
    if (event.type === "paste" && types.includes("text/plain")) return;
    if (types?.includes("Files")) {
      event.preventDefault();
      /* The sheet shows it. Between two elements they do not leave the page. */
      if (!event.relatedTarget) this.form.dataset.files = event.type;
    }
    if (files?.length && event.type !== "dragover") this.withFiles("add", [...files]);
  }

  async withFiles(action, files) {
    /* A message with files may have no text. */
    this.field.required = false;
    try {
      this.loading ||= this.load("files-script").then(({ Files }) => new Files(this));
      this.files = await this.loading;
      this.files[action](files);
    } catch (error) {
      this.loading = null;
      this.field.required = true;
      this.showProblem(this.word("unattached", this.reasonOf(error)));
    }
  }

  pressed(event) {
    /* An Enter that ends a word of an input method sends nothing; Safari only has 229 for it. */
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape" && this.form.elements.reply_to.value) this.answer(null);
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  changed() {
    this.checkLength();
    this.complete();
    if (!this.field.value || Date.now() - this.toldAt < TYPING_MILLISECONDS) return;
    this.toldAt = Date.now();
    fetch(`/api/rooms/${this.room}/typing`, { method: "POST" }).catch(() => {});
  }

  async complete() {
    const isBegun = /[@:]\S{0,32}$/.test(this.field.value.slice(0, this.field.selectionStart));
    if (!isBegun && !this.completion) return;
    try {
      this.completion ||= this.load("complete").then(
        ({ Completion }) => new Completion(this.field, this),
      );
      (await this.completion).update();
    } catch {
      this.completion = null;
    }
  }

  /* Say by how much a text is too long before it is sent; do not cut it off. */
  checkLength() {
    const most = Number(this.form.dataset.characters);
    const excess = lengthOf(this.field.value) - most;
    const text = excess > 0 ? this.word("tooLong", excess, most) : "";
    this.field.setCustomValidity(text);
    document.getElementById("length").textContent = text;
  }

  /* What is being written outlives its page and its browser, until it is sent or one signs out. */
  keepDraft() {
    const keep = () => this.draft.set(this.field.value);
    this.field.value ||= this.draft.get() || "";
    for (const type of ["input", "change"]) this.field.addEventListener(type, keep);
    const leave = () => {
      const mine = new RegExp(`^ngw2f-(draft|unsent)-${this.reader}-`);
      for (const name of Object.keys(localStorage)) if (mine.test(name)) localStorage.removeItem(name);
    };
    document.querySelector('form[action="/logout"]')?.addEventListener("submit", leave);
  }

  /* Have the form answer a message, or none. */
  answer(item) {
    const name = item?.querySelector(".nickname").textContent;
    this.showAnswered(item ? [this.idOf(item), name, this.firstLineOf(item)] : []);
    this.field.focus();
  }

  showAnswered(answered) {
    const [id, ...texts] = answered;
    const shown = document.getElementById("replying");
    this.answered.set(answered);
    this.form.elements.reply_to.value = id || "";
    shown.hidden = !id;
    shown.querySelectorAll("bdi").forEach((part, at) => (part.textContent = texts[at]));
  }

  /* ---- Messages on their way ---- */

  submit() {
    const source = this.field.value;
    if (this.loading && !this.files) return void this.loading.then(() => this.submit(), () => {});
    if (this.files?.delays()) return;
    const files = this.files?.take() || [];
    if (!source.trim() && !files.length) return;
    const answered = Number(this.form.elements.reply_to.value) || null;
    this.field.value = "";
    this.field.dispatchEvent(new Event("change"));
    if (answered) this.answer(null);
    const kept = { key: newKey(), source, answered, files };
    this.add(kept);
    this.unsent.set([...(this.unsent.get() || []), kept]);
    this.goToEnd();
    this.drain();
  }

  add({ key, source, answered, files = [] }) {
    const item = this.emptyItem(Date.now(), answered);
    for (const text of [source, ...files.map(({ name }) => name)]) {
      if (text) item.querySelector(".text").append(this.element("p", "typed", text));
    }
    this.prepare(item);
    const outgoing = { key, source, answered, files, item, state: "waiting" };
    item.addEventListener("click", ({ target }) => {
      if (target.matches(".again")) this.retry();
      else if (target.matches(".discard")) this.discard(outgoing);
    });
    this.queue.push(outgoing);
    this.outbox.append(item);
    this.show(outgoing);
  }

  /* One at a time, so that they are stored in the order in which they were written. */
  async drain() {
    if (this.isSending) return;
    this.isSending = true;
    let next;
    while ((next = this.queue.find(({ state }) => state === "waiting"))) await this.post(next);
    this.isSending = false;
  }

  async post(outgoing) {
    this.show(outgoing);
    const { key, source, answered, files } = outgoing;
    const file_ids = files.map(({ id }) => id);
    try {
      const message = await this.fetchJSON(`/api/rooms/${this.room}/messages`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": `"${key}"` },
        body: JSON.stringify({ source, reply_to: answered, file_ids }),
      });
      this.forget(outgoing);
      this.showPosted(message);
      this.showProblem("");
    } catch (error) {
      this.fail(outgoing, error);
    }
  }

  /* What was refused waits for its author; all else waits for the line, and nothing overtakes it. */
  fail(outgoing, error) {
    const isRefused = error.status >= 400 && error.status < 500;
    const why = this.reasonOf(error);
    const isUnsure = navigator.onLine && !(error.status < 500);
    const text = this.word(isUnsure ? "unsure" : "unsent", why);
    const held = isRefused ? [outgoing] : this.queue.filter(({ state }) => state === "waiting");
    for (const each of held) Object.assign(each, { state: isRefused ? "refused" : "failed", text });
    for (const each of held) this.show(each);
    this.showProblem(text);
    clearTimeout(this.timer);
    if (!isRefused) this.timer = setTimeout(() => this.retry("failed"), RETRY_MILLISECONDS);
  }

  retry(only) {
    for (const each of this.queue) {
      if (each.state === "failed" || (!only && each.state === "refused")) each.state = "waiting";
    }
    this.drain();
  }

  show({ item, state, text }) {
    item.classList.toggle("sending", state === "waiting");
    item.classList.toggle("failed", state !== "waiting");
    item.querySelector(".unsent")?.remove();
    if (state === "waiting") return;
    /* It was there already (`arrived`), but that may have been another one with the same words. */
    if (!item.isConnected) this.outbox.append(item);
    const part = document.getElementById("parts").content.querySelector(".unsent").cloneNode(true);
    part.querySelector("span").textContent = text;
    item.append(part);
  }

  discard(outgoing) {
    this.forget(outgoing);
    this.showProblem("");
    if (outgoing.files.length) this.withFiles("putBack", outgoing.files);
    if (!this.field.value) this.field.value = outgoing.source;
    this.field.dispatchEvent(new Event("change"));
    this.field.focus();
  }

  forget({ key, item }) {
    this.queue = this.queue.filter((each) => each.key !== key);
    this.unsent.set((this.unsent.get() || []).filter((each) => each.key !== key));
    item.remove();
  }

  /* One's own message has come by an event, perhaps before the answer to its post. */
  arrived(item) {
    const text = squeezed(item.querySelector(".text").textContent);
    const same = this.queue.find(
      ({ source, state }) => state === "waiting" && squeezed(source) === text,
    );
    same?.item.remove();
  }
}
