/* The official clients of Node: listen.cjs PORT CURSOR. Its input is how many messages there
 * are, and how many seconds it may take until all clients have seen as many. Then it prints
 * which ones each has seen: {"socket.io": [ids], "ws": [ids], "eventsource": [ids]}. */
const { io } = require("socket.io-client");
const WebSocket = require("ws");
const { EventSource } = require("eventsource");

const [port, start] = process.argv.slice(2);
const base = `127.0.0.1:${port}`;
const seen = { "socket.io": [], "socket.io polling": [], ws: [], eventsource: [] };

function socketIO(name, options) {
  let after = start;
  const client = io(`http://${base}`, { auth: (tell) => tell({ after }), ...options });
  client.on("updated_model", (update) => {
    after = update.id;
    if (update.event === "message.created") seen[name].push(update.model.id);
  });
}

function webSocket() {
  let after = start;
  (function connect() {
    /* For a `resume` the server waits a second, and this machine may be slower. */
    const client = new WebSocket(`ws://${base}/ws?after=${after}`);
    client.on("message", (text) => {
      const { id, event, data } = JSON.parse(text);
      after = id;
      if (event === "message.created") seen.ws.push(data.id);
    });
    client.on("error", () => {});
    client.on("close", () => setTimeout(connect, 200));
  })();
}

function eventSource() {
  let last = start;
  (function connect() {
    const source = new EventSource(`http://${base}/events?after=${last}`);
    source.addEventListener("message.created", (event) => {
      last = event.lastEventId;
      seen.eventsource.push(JSON.parse(event.data).id);
    });
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 200);
    };
  })();
}

socketIO("socket.io", {});
socketIO("socket.io polling", { transports: ["polling"] });
webSocket();
eventSource();

/* What comes twice, or is no longer due, would show in this time. */
const AFTERMATH_MILLISECONDS = 2000;

function tell() {
  process.stdout.write(JSON.stringify(seen), () => process.exit(0));
}

function tellWhenSeen(count, until) {
  const isSeen = Object.values(seen).every((ids) => ids.length >= count);
  if (isSeen || Date.now() > until) setTimeout(tell, AFTERMATH_MILLISECONDS);
  else setTimeout(() => tellWhenSeen(count, until), 100);
}

let input = "";
process.stdin.on("data", (text) => (input += text));
process.stdin.on("end", () => {
  const [count, seconds] = input.split(" ").map(Number);
  tellWhenSeen(count, Date.now() + seconds * 1000);
});
