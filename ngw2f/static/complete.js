/* Completes what one writes: `@` and the beginning of a nickname, `:` and that of an emoji's name.
 * Loaded with the first of them. The field keeps the focus; the arrow keys choose, Enter and Tab
 * insert, Escape closes (ARIA's list autocomplete with `aria-activedescendant`). */

const MOST = 8;
const MIN_EMOJI_LETTERS = 2;
/* What stands before the place where one writes. */
const BEGUN = /(?:^|[\s(])([@:])([^\s@:]{0,32})$/u;

const EMOJI = `
thumbsup 👍 thumbsdown 👎 heart ❤️ broken_heart 💔 joy 😂 smile 😄 grin 😁 wink 😉 blush 😊 laughing 😆
sweat_smile 😅 rofl 🤣 heart_eyes 😍 kiss 😘 thinking 🤔 neutral 😐 smirk 😏 rolling_eyes 🙄 grimace 😬
relieved 😌 sleeping 😴 cool 😎 nerd 🤓 confused 😕 worried 😟 cry 😢 sob 😭 angry 😠 rage 😡 scream 😱
surprised 😮 flushed 😳 dizzy 😵 sick 🤢 mask 😷 party 🥳 tada 🎉 confetti 🎊 balloon 🎈 gift 🎁 cake 🎂
fire 🔥 sparkles ✨ star ⭐ boom 💥 hundred 💯 check ✅ cross ❌ warning ⚠️ question ❓ exclamation ❗
eyes 👀 wave 👋 clap 👏 raised_hands 🙌 pray 🙏 ok_hand 👌 handshake 🤝 muscle 💪 point_up ☝️ point_right 👉
point_left 👈 fingers_crossed 🤞 victory ✌️ shrug 🤷 facepalm 🤦 bow 🙇 rocket 🚀 airplane ✈️ car 🚗 bike 🚲
train 🚆 ship 🚢 house 🏠 office 🏢 earth 🌍 sun ☀️ moon 🌙 cloud ☁️ rain 🌧️ snow ❄️ umbrella ☔ rainbow 🌈
coffee ☕ tea 🍵 beer 🍺 wine 🍷 pizza 🍕 bread 🍞 apple 🍎 banana 🍌 cheese 🧀 cookie 🍪 dog 🐶 cat 🐱 mouse 🐭
bug 🐛 bee 🐝 snake 🐍 turtle 🐢 bird 🐦 fish 🐟 unicorn 🦄 tree 🌳 flower 🌸 rose 🌹 mushroom 🍄 ghost 👻
robot 🤖 alien 👽 skull 💀 poop 💩 crown 👑 trophy 🏆 medal 🏅 soccer ⚽ music 🎵 guitar 🎸 camera 📷 phone 📱
computer 💻 keyboard ⌨️ bulb 💡 book 📖 memo 📝 pencil ✏️ calendar 📅 clock 🕐 hourglass ⏳ bell 🔔 key 🔑 lock 🔒
hammer 🔨 wrench 🔧 gear ⚙️ link 🔗 package 📦 mail 📧 chart 📈 search 🔍 pin 📌 scissors ✂️ trash 🗑️ recycle ♻️`;

/* `online` has the nicknames of those who are here, `list` the messages with those of their authors;
 * `sayText(text)` says something, `word(name, ...)` returns a text of the page. */
export class Completion {
  constructor(field, { list, online, element, sayText, word }) {
    Object.assign(this, { field, messages: list, online, element, sayText, word });
    const words = EMOJI.trim().split(/\s+/);
    this.emoji = words.filter((_, at) => at % 2 === 0).map((name, at) => [name, words[2 * at + 1]]);
    this.list = document.getElementById("choices");
    this.at = 0;
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", "choices");
    /* Before the form sends what is written. */
    field.addEventListener("keydown", (event) => this.press(event), true);
    field.addEventListener("blur", () => this.close());
    /* A click must not take the focus from the field. */
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const option = event.target.closest("li");
      if (option) this.insert(option);
    });
  }

  update() {
    const [begun, sign, word] = BEGUN.exec(this.field.value.slice(0, this.field.selectionStart)) || [];
    const found = begun === undefined ? [] : this.find(sign, word.toLowerCase());
    if (!found.length) {
      this.close();
      return;
    }
    this.begin = this.field.selectionStart - word.length - 1;
    const wasOpen = !this.list.hidden;
    this.list.replaceChildren(...found.map((each, at) => this.option(each, at)));
    this.list.hidden = false;
    this.choose(0);
    if (!wasOpen) this.sayText(this.word("found", found.length));
  }

  find(sign, word) {
    if (sign === "@") {
      const names = ["room", ...this.names().sort((a, b) => a.localeCompare(b))];
      const fitting = names.filter((name) => name.toLowerCase().startsWith(word));
      return fitting.slice(0, MOST).map((name) => ({ shown: `@${name}`, text: `@${name} ` }));
    }
    if (word.length < MIN_EMOJI_LETTERS) return [];
    const fitting = this.emoji.filter(([name]) => name.startsWith(word));
    return fitting.slice(0, MOST).map(([name, text]) => ({ shown: `${text} ${name}`, text: `${text} ` }));
  }

  names() {
    const said = [...this.messages.querySelectorAll(".nickname")].map((each) => each.textContent);
    return [...new Set([...this.online.values(), ...said])];
  }

  option({ shown, text }, at) {
    const option = this.element("li", "", shown);
    option.id = `choice-${at}`;
    option.dataset.text = text;
    option.setAttribute("role", "option");
    return option;
  }

  choose(at) {
    const options = [...this.list.children];
    this.at = (at + options.length) % options.length;
    options.forEach((each, place) => each.setAttribute("aria-selected", String(place === this.at)));
    this.field.setAttribute("aria-activedescendant", options[this.at].id);
  }

  press(event) {
    if (this.list.hidden || event.isComposing || event.keyCode === 229) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const isTaken = ["Enter", "Tab"].includes(event.key) && !event.shiftKey;
    if (!step && !isTaken && event.key !== "Escape") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (step) this.choose(this.at + step);
    else if (isTaken) this.insert(this.list.children[this.at]);
    else this.close();
  }

  insert(option) {
    const { field } = this;
    field.setRangeText(option.dataset.text, this.begin, field.selectionStart, "end");
    this.close();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  close() {
    this.list.hidden = true;
    this.field.removeAttribute("aria-activedescendant");
  }
}
