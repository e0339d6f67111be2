/* What every page has: the sheet of keys, the service worker, and in the settings the switch for
 * notifications (notices.js shows them). */

function isWriting(event) {
  return event.target.closest("input, textarea, select, [contenteditable]");
}

function showKeys(event) {
  const sheet = document.getElementById("keys");
  if (event.key !== "?" || isWriting(event) || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  sheet.togglePopover?.();
}

/* ---- The switch for notifications, which each browser has of its own ---- */

function startSwitch(section) {
  const words = section.dataset;
  const name = `ngw2f-notices-${words.reader}`;
  const button = section.querySelector("button");
  const says = section.querySelector("[role=status]");
  const isOn = () => Notification.permission === "granted" && localStorage.getItem(name) === "on";
  const show = () => {
    button.textContent = isOn() ? words.off : words.on;
    button.disabled = Notification.permission === "denied";
    says.textContent = button.disabled ? words.denied : "";
  };
  button.addEventListener("click", async () => {
    if (isOn()) localStorage.removeItem(name);
    else if ((await Notification.requestPermission()) === "granted") localStorage.setItem(name, "on");
    show();
  });
  section.hidden = false;
  show();
}

document.addEventListener("keydown", showKeys);
const section = document.getElementById("notices");
if (section && "Notification" in window) startSwitch(section);
navigator.serviceWorker?.register("/service-worker.js").catch(() => {
  /* A browser may allow none, as in private windows. */
});
