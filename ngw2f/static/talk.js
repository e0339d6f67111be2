/* What one does with a message where it stands: edit it, delete it and bring it back. Loaded when
 * somebody first does; without it, the same links and forms lead to pages. */

/* How long a deletion can be undone; the server gives 30 s (ngw2f/store/deleted.py). */
const UNDO_MILLISECONDS = 10000;
const LONGER_MILLISECONDS = 25000;

function part(name) {
  return document.getElementById("parts").content.querySelector(name).cloneNode(true);
}

export class Talk {
  constructor(tools) {
    Object.assign(this, tools);
    /* What was being written when somebody left by Escape, by message. */
    this.drafts = new Map();
  }

  /* ---- Edit ---- */

  async edit(item) {
    const open = item.querySelector(".editing textarea");
    if (open) return open.focus();
    const from = document.activeElement;
    const { source } = await this.fetchJSON(`/api/messages/${this.idOf(item)}`);
    const form = part(".editing");
    const field = form.elements.source;
    field.value = this.drafts.get(item.id) ?? source;
    item.append(form);
    item.classList.add("is-edited");
    field.focus();
    const leave = () => {
      form.remove();
      item.classList.remove("is-edited");
      if (from?.isConnected && from.matches("textarea")) from.focus();
      else this.focusOn(item);
    };
    const cancel = () => (this.drafts.delete(item.id), leave());
    form.querySelector(".cancel").addEventListener("click", cancel);
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Escape") {
        this.drafts.set(item.id, field.value);
        leave();
      } else if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (field.value === source) cancel();
      else this.save(item, form, leave);
    });
  }

  async editLast() {
    const own = [...this.list.querySelectorAll(`.message[data-user="${this.reader}"]`)].pop();
    if (own?.querySelector(".own")) await this.edit(own);
  }

  async save(item, form, leave) {
    const { value } = form.elements.source;
    const { updated } = item.dataset;
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await this.send("PUT", `/api/messages/${this.idOf(item)}`, { source: value });
      this.drafts.delete(item.id);
      /* As it was typed, until it is rendered, which may be known before the answer is here. */
      if (item.dataset.updated === updated) {
        item.setAttribute("aria-busy", "true");
        item.querySelector(".text").replaceChildren(this.element("p", "typed", value));
      }
      leave();
    } catch (error) {
      form.querySelector(".error").textContent = this.word("unsaved", this.reasonOf(error));
    } finally {
      button.disabled = false;
    }
  }

  /* ---- Delete ---- */

  /* A line takes the message's place, with the way back; it has the focus that the message had. */
  async delete(item) {
    const line = this.element("li", "");
    line.append(part(".gone"));
    const undo = line.querySelector("button");
    const hadFocus = item.contains(document.activeElement);
    item.replaceWith(line);
    this.arrangeAfter(line);
    if (hadFocus) undo.focus();
    const deletion = this.send("DELETE", `/api/messages/${this.idOf(item)}`);
    /* Whoever is quick asks before the server has answered, and perhaps again. */
    const isDeleted = deletion.then(() => true, (error) => error.status === 404);
    let asked = null;
    const ask = async () => (await isDeleted) && this.restore(item, line);
    undo.addEventListener("click", () => (asked ||= ask().finally(() => (asked = null))));
    try {
      await deletion;
      this.sayText(this.word("deleted"));
      this.showProblem("");
    } catch (error) {
      if (error.status !== 404) {
        this.putBack(item, line);
        this.showProblem(this.word("undeleted", this.reasonOf(error)));
        return;
      }
    }
    /* Whoever has the focus on it has longer. */
    const isHeld = () => line.contains(document.activeElement);
    const end = () => line.isConnected && this.drop(line);
    const rest = LONGER_MILLISECONDS - UNDO_MILLISECONDS;
    setTimeout(() => (isHeld() ? setTimeout(end, rest) : end()), UNDO_MILLISECONDS);
  }

  async restore(item, line) {
    try {
      await this.send("POST", `/api/messages/${this.idOf(item)}/restore`);
      this.putBack(item, line);
      this.sayText(this.word("restored"));
      this.showProblem("");
    } catch (error) {
      this.showProblem(this.word("unrestored", this.reasonOf(error)));
    }
  }

  putBack(item, line) {
    const hadFocus = line.contains(document.activeElement);
    /* Its event may have been here before. */
    const there = document.getElementById(item.id) || item;
    if (line.isConnected) line.replaceWith(there);
    this.arrange(there);
    this.arrangeAfter(there);
    if (hadFocus) this.focusOn(there);
  }

  arrangeAfter(line) {
    this.arrange(this.neighbour(line, "nextElementSibling"));
  }

  async "mark-unread"(item) {
    try {
      await this.attention.markUnread(this.idOf(item));
      this.showProblem("");
    } catch (error) {
      this.showProblem(this.word("unmarked", this.reasonOf(error)));
    }
  }

  /* ---- Copy ---- */

  async copy(item, button) {
    const code = button.parentElement.querySelector("pre");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.classList.add("done");
      button.addEventListener("blur", () => button.classList.remove("done"), { once: true });
      this.sayText(this.word("copied"));
    } catch {
      /* A browser may forbid it: then it is selected, for the keys that copy. */
      getSelection().selectAllChildren(code);
    }
  }

  /* ---- React ---- */

  /* Choose an emoji: by the arrow keys, or typed. Escape leads back. */
  react(item) {
    const picker = part(".picker");
    const buttons = [...picker.querySelectorAll("[name=emoji]")];
    item.append(picker);
    picker.addEventListener("toggle", ({ newState }) => {
      if (newState !== "closed") return;
      const hadFocus = picker.contains(document.activeElement) || document.activeElement === document.body;
      picker.remove();
      if (hadFocus) this.focusOn(item);
    });
    picker.addEventListener("keydown", (event) => {
      event.stopPropagation();
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 }[event.key];
      const at = buttons.indexOf(event.target);
      if (!step || at < 0) return;
      event.preventDefault();
      buttons[(at + step + buttons.length) % buttons.length].focus();
    });
    picker.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const emoji = picker.elements.other.value.trim() || event.submitter.value;
      picker.hidePopover();
      if (emoji) this.put(item, emoji, true);
    });
    picker.showPopover();
    const { right, bottom } = (item.querySelector(".head") || item).getBoundingClientRect();
    const { offsetWidth, offsetHeight } = picker;
    picker.style.left = `${Math.max(8, Math.min(right, innerWidth - 8) - offsetWidth)}px`;
    picker.style.top = `${Math.max(8, Math.min(bottom, innerHeight - offsetHeight - 8))}px`;
    buttons[0].focus();
  }

  /* Press a reaction that is there already, one's own or another's. */
  async reactions(item, button) {
    await this.put(item, button.value, button.getAttribute("aria-pressed") !== "true");
  }

  async put(item, emoji, isOn) {
    try {
      const path = `/api/messages/${this.idOf(item)}/reactions/${encodeURIComponent(emoji)}`;
      await this.send(isOn ? "PUT" : "DELETE", path);
      const shown = item.querySelector(".reactions");
      if (shown) this.press(shown, emoji, isOn);
      this.showProblem("");
    } catch (error) {
      this.showProblem(this.word("unreacted", this.reasonOf(error)));
    }
  }

  async send(method, path, body) {
    const headers = { Accept: "application/json", "Content-Type": "application/json" };
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    if (!response.ok) throw await this.failureOf(response);
  }
}
