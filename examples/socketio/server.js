/* Type 1, the server in Node: node server.js PORT REDIS_URL. What any process publishes in Redis
 * (emit.py), the adapter sends to the clients. What a client says goes to all as well. */
const { createServer } = require("http");
const { readFileSync } = require("fs");
const { createClient } = require("redis");
const { Server } = require("socket.io");
const { createAdapter } = require("@socket.io/redis-adapter");

const [port, url] = process.argv.slice(2);
const FILES = {
  "/": ["index.html", "text/html"],
  "/page.js": ["page.js", "text/javascript"],
  "/client.js": ["node_modules/socket.io/client-dist/socket.io.min.js", "text/javascript"],
};

async function main() {
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) {
    client.on("error", (error) => console.error(error.message));
    await client.connect();
  }
  const server = createServer((request, response) => {
    const [file, type] = FILES[request.url] || [];
    response.writeHead(file ? 200 : 404, { "Content-Type": type || "text/plain" });
    response.end(file ? readFileSync(file) : "");
  });
  const io = new Server(server, { adapter: createAdapter(publisher, subscriber) });
  io.on("connection", (socket) => socket.on("say", (text) => io.emit("said", text)));
  server.listen(Number(port), "127.0.0.1");
}

main();
