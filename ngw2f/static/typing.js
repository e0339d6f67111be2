/* Who is writing in the room now. Loaded when somebody first does. */

/* Whoever goes on writing says so more often (composer.js). */
const SHOWN_MILLISECONDS = 6000;

export class Typing {
  constructor(word) {
    this.word = word;
    this.line = document.getElementById("typing");
    /* By account: the nickname, and the timer that ends it. */
    this.people = new Map();
  }

  start({ user_id, nickname }) {
    clearTimeout(this.people.get(user_id)?.timer);
    const timer = setTimeout(() => this.stop(user_id), SHOWN_MILLISECONDS);
    this.people.set(user_id, { nickname, timer });
    this.describe();
  }

  stop(id) {
    clearTimeout(this.people.get(id)?.timer);
    this.people.delete(id);
    this.describe();
  }

  describe() {
    const names = Array.from(this.people.values(), ({ nickname }) => nickname);
    const kind = names.length === 1 ? "writes" : names.length > 3 ? "several" : "write";
    this.line.textContent = names.length ? this.word(kind, names.join(", ")) : "";
  }
}
