/* The official client, by itself: long polling first, then WebSocket if that gets through. */
const socket = io();
const state = document.querySelector("#state");

socket.on("connect", () => (state.textContent = "connected"));
socket.on("connect_error", (error) => (state.textContent = error.message));
/* A session that was begun and is refused later is no error to connect. */
socket.io.on("close", (reason) => (state.textContent = reason));
socket.on("said", (text) => {
  document.querySelector("ul").appendChild(document.createElement("li")).textContent = text;
});

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  socket.emit("say", event.target.elements.text.value);
  event.target.reset();
});
