/* The lists of rooms beside a room, when one comes, changes, or was missed. Loaded when one first
 * does; without it, the page /rooms has them all. */

/* The most rooms added since the page was loaded, which may stay open for weeks. */
const MAX_NEW_ROOMS = 50;

export class Rooms {
  /* `form` is the composer's, null for those who cannot write here. */
  constructor(tools) {
    Object.assign(this, tools);
    this.added = [];
  }

  add({ fragment }) {
    this.show(this.parse(fragment));
  }

  show(item) {
    const link = item.querySelector("a");
    const { room: id, direct } = link.dataset;
    /* By id, because two private rooms may have the same name. */
    if (document.querySelector(`.rooms a[data-room="${id}"]`)) return;
    item.querySelector(`[data-person="${this.reader}"]`)?.remove();
    const list = direct ? document.getElementById("directs") : document.querySelector(".rooms ul");
    list.append(item);
    this.attention.add(link);
    this.added.push(item);
    if (this.added.length > MAX_NEW_ROOMS) this.added.shift().remove();
  }

  /* Show a room's new name and topic; one that is archived is in no list. */
  change({ id, name, topic, archived, page, fragment }) {
    const link = document.querySelector(`.rooms a[data-room="${id}"]`);
    if (!link && !archived) this.add({ fragment });
    if (link && archived && id !== this.room) {
      link.closest("li").remove();
      this.attention.remove(id);
    } else if (link) {
      link.href = page;
      link.querySelector(".name").replaceWith(this.parse(fragment).querySelector(".name"));
    }
    if (id !== this.room) return;
    const wasArchived = !document.getElementById("archived").hidden;
    /* What is written is kept for the room (composer.js). */
    const isElsewhere = location.pathname !== "/" && location.pathname !== page;
    if (isElsewhere || (wasArchived && !archived)) location.replace(page);
    document.querySelector(".heading h1").textContent = name;
    document.getElementById("topic").textContent = topic;
    this.list.dataset.title = `${name} · NGW2F`;
    document.getElementById("archived").hidden = !archived;
    if (this.form) this.form.hidden = archived;
    this.attention.showTotal();
  }

  /* Events are missing: read the rooms that are newer than all shown here. */
  async readAgain() {
    const shown = [...document.querySelectorAll(".rooms a[data-room]")];
    const newest = Math.max(0, ...shown.map((link) => Number(link.dataset.room)));
    const page = await this.fetchPage(`/rooms?after=${newest}`);
    const links = page.querySelectorAll(".all-rooms a[data-room]");
    for (const link of links) this.show(link.closest("li"));
  }
}
