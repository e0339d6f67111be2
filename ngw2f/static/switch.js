/* The switch for notifications in the settings, which each browser has of its own (notices.js shows
 * them). */

const section = document.getElementById("notices");
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
if ("Notification" in window) {
  section.hidden = false;
  show();
}
