/* Notifications of the system, for those who want them (the switch is in the settings): of messages
 * that mention the reader, and of direct messages. Never of what is read meanwhile, here, in another
 * tab or on another device, nor of a room that is muted. */

/* Until then, whoever is looking has told the server, and it has told this page. */
const WAIT_MILLISECONDS = 3000;
/* Another tab answers at once, if one looks at it. */
const ANSWER_MILLISECONDS = 300;
const MAX_CHARACTERS = 200;

export function areWanted(reader) {
  const isAllowed = "Notification" in window && Notification.permission === "granted";
  return isAllowed && localStorage.getItem(`ngw2f-notices-${reader}`) === "on";
}

/* Return what shows them to this reader, or nothing. */
export function begin(page) {
  return areWanted(page.reader) ? new Notices(page) : null;
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

class Notices {
  constructor({ reader, room, attention, word }) {
    Object.assign(this, { reader, room, attention, word });
    /* By message: its room and its notification, which is null while it may yet be read. */
    this.shown = new Map();
    this.looks = new Set();
    this.channel = new BroadcastChannel(`ngw2f-notices-${reader}`);
    this.channel.onmessage = ({ data }) => this.hear(data);
  }

  /* Take note of a message as it is rendered, with its element. */
  async see(message, item) {
    const { id, room_id, user_id } = message;
    if (user_id === this.reader || this.shown.has(id) || !this.isNews(message)) return;
    this.shown.set(id, { room: room_id, notice: null });
    await sleep(WAIT_MILLISECONDS);
    this.looks.delete(id);
    this.channel.postMessage({ asks: id, room: room_id });
    await sleep(ANSWER_MILLISECONDS);
    if (!this.shown.has(id)) return;
    if (this.looks.has(id) || !this.isNews(message)) {
      this.shown.delete(id);
      return;
    }
    const where = document.querySelector(`.rooms a[data-room="${room_id}"] .name`);
    const who = item.querySelector(".nickname").textContent;
    const place = () => where?.textContent.trim() || this.word("aRoom");
    const title = where?.closest("#directs") ? who : this.word("notice", who, place());
    const text = item.querySelector(".text").textContent.trim() || item.querySelector(".file")?.title || "";
    const body = text.slice(0, MAX_CHARACTERS);
    await this.show(id, title, body);
  }

  /* Return whether the message is unread, in a room that is not muted, and for the reader. */
  isNews({ id, room_id, mentions, mentions_room }) {
    const state = this.attention.rooms.get(room_id);
    if (!state || state.muted || !state.unread || id <= state.read) return false;
    const isDirect = document.querySelector(`#directs a[data-room="${room_id}"]`);
    return isDirect || mentions.includes(this.reader) || (mentions_room && state.inRoom);
  }

  async show(id, title, body) {
    /* Several tabs show the same one, which is then one: they have the same tag. */
    const options = { body, tag: `ngw2f-${id}`, icon: document.querySelector("link[rel=apple-touch-icon]").href, data: `/messages/${id}` };
    try {
      const notice = new Notification(title, options);
      notice.onclick = () => {
        window.focus();
        location.assign(options.data);
      };
      this.shown.get(id).notice = notice;
    } catch {
      /* Android has only those of service workers. */
      const worker = await navigator.serviceWorker?.getRegistration();
      await worker?.showNotification(title, options);
    }
  }

  /* Take away what is read, or deleted. */
  drop(isGone) {
    for (const [id, { room, notice }] of this.shown) {
      if (!isGone(id, room)) continue;
      notice?.close();
      this.shown.delete(id);
    }
  }

  read({ room_id, last_read_id }) {
    this.drop((id, room) => room === room_id && id <= last_read_id);
  }

  deleted(message) {
    this.drop((id) => id === message.id);
  }

  hear({ asks, room, looks }) {
    if (looks) this.looks.add(looks);
    const isLooking = document.visibilityState === "visible" && document.hasFocus();
    if (asks && isLooking && room === this.room) this.channel.postMessage({ looks: asks });
  }
}
