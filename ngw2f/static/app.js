/* What every page has: the sheet of keys, and the service worker. */

function isWriting(event) {
  return event.target.closest("input, textarea, select, [contenteditable]");
}

function showKeys(event) {
  const sheet = document.getElementById("keys");
  if (event.key !== "?" || isWriting(event) || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  sheet.togglePopover?.();
}

document.addEventListener("keydown", showKeys);
navigator.serviceWorker?.register("/service-worker.js").catch(() => {
  /* A browser may allow none, as in private windows. */
});
