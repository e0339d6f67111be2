/* What every page has: the sheet of keys, the way to the search, and the service worker. */

/* Return whether it is this key alone, and nobody is writing. */
function isKey(event, key) {
  const isWriting = event.target.closest("input, textarea, select, [contenteditable]");
  return event.key === key && !isWriting && !event.ctrlKey && !event.altKey && !event.metaKey;
}

function showKeys(event) {
  if (!isKey(event, "?")) return;
  event.preventDefault();
  document.getElementById("keys")?.togglePopover?.();
}

/* `/` leads to the search field; Escape leads back. */
function findByKey(event) {
  const field = document.getElementById("find");
  if (event.key === "Escape" && event.target === field) {
    const back = document.getElementById("write") || document.getElementById("pane");
    if (back) back.focus();
    else field.blur();
  } else if (field && isKey(event, "/")) {
    event.preventDefault();
    if (field.checkVisibility()) field.select();
    else location.assign("/search");
  }
}

for (const act of [showKeys, findByKey]) document.addEventListener("keydown", act);
navigator.serviceWorker?.register("/service-worker.js").catch(() => {
  /* A browser may allow none, as in private windows. */
});
