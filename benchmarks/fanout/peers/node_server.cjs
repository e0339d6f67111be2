/* Node's Socket.IO server: POST /post tells everybody. node_server.cjs PORT */
const http = require("http");
const { Server } = require("socket.io");

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    for (const model of JSON.parse(Buffer.concat(parts) || "[]")) {
      io.emit("updated_model", { class: "Message", model });
    }
    response.end();
  });
});
const io = new Server(server, { perMessageDeflate: false });
server.listen(Number(process.argv[2]), "127.0.0.1");
