/* Shows the last page when there is no connection, and nothing else: with one, every page is the
 * server's. It keeps one page of the chat, and the files that it needs. When somebody signs in or
 * out, the page is deleted; so it is whenever the server shows another one.
 *
 * Served as /service-worker.js (ngw2f/web/installable.py), as it sees only what is below it, with
 * OFFLINE_PAGE before it: what is shown where no page is kept. */

const PAGE = "page-1";
const FILES = "files-1";
/* Those of two releases, and to spare. */
const MAX_FILES = 40;
/* Pages without forms for secrets. */
const KEPT = /^\/(?:$|rooms\/|inbox$|search$)/;
/* Grows when the page is deleted: what is about to be kept was of the account before. */
let era = 0;

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => {
  event.waitUntil(Promise.all([self.clients.claim(), self.registration.navigationPreload?.enable(), dropOthers()]));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    if (request.method === "GET") event.respondWith(visit(event));
    else if (/^\/(?:login|logout|account)/.test(pathname)) event.waitUntil(forget());
  } else if (request.method === "GET" && pathname.startsWith("/static/")) {
    event.respondWith(file(event));
  }
});

async function visit(event) {
  let response;
  try {
    response = (await event.preloadResponse) || (await fetch(event.request));
  } catch {
    return lastPage(event.request.url);
  }
  /* A redirect leads to the page that is kept then. */
  if (response.type !== "opaqueredirect") event.waitUntil(keep(event.request.url, response.clone(), era));
  return response;
}

async function keep(url, response, since) {
  const isPage = (response.headers.get("Content-Type") || "").startsWith("text/html");
  /* A picture that somebody looks at takes the place of no page. */
  if (response.ok && !isPage) return;
  await caches.delete(PAGE);
  if (!response.ok || !KEPT.test(new URL(url).pathname)) return;
  const cache = await caches.open(PAGE);
  await cache.put(url.split("#")[0], response);
  if (since !== era) await caches.delete(PAGE);
}

async function forget() {
  era += 1;
  await caches.delete(PAGE);
}

/* Return the page that is kept, under its own address. */
async function lastPage(url) {
  const cache = await caches.open(PAGE);
  const [kept] = await cache.keys();
  if (!kept) return new Response(OFFLINE_PAGE, { status: 503, headers: { "Content-Type": "text/html; charset=utf-8" } });
  return kept.url === url.split("#")[0] ? cache.match(kept) : Response.redirect(kept.url);
}

async function file(event) {
  const { request } = event;
  const cache = await caches.open(FILES);
  try {
    const response = await fetch(request);
    if (response.ok) event.waitUntil(store(cache, request, response.clone()));
    return response;
  } catch (error) {
    const kept = await cache.match(request);
    if (!kept) throw error;
    return kept;
  }
}

async function store(cache, request, response) {
  if (await cache.match(request)) return;
  await cache.put(request, response);
  const keys = await cache.keys();
  for (const old of keys.slice(0, -MAX_FILES)) await cache.delete(old);
}

async function dropOthers() {
  for (const name of await caches.keys()) {
    if (name !== PAGE && name !== FILES) await caches.delete(name);
  }
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data));
});
