"""What X-ray's pages and its panel load from X-ray's own path: no page has an inline script."""

from __future__ import annotations

# Reads the list again each second, while its box is checked and the page is seen.
LIVE = """\
const box = document.querySelector("input[name=live]");
box.parentElement.hidden = false;

async function refresh() {
  if (!box.checked || document.hidden) return;
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const rows = page.querySelector("tbody");
  if (rows) document.querySelector("tbody").replaceWith(rows);
}

setInterval(() => refresh().catch(() => {}), 1000);
"""
PANEL = """\
.xray-panel{box-sizing:border-box;clear:both;padding:.4rem 1rem;
font:13px/1.4 ui-monospace,monospace;color:#f3f3f3;background:#1c1c1c}
.xray-panel a{color:#7ee787}
"""
# Each with its media type.
ASSETS = {
    "live.js": (LIVE, "text/javascript; charset=utf-8"),
    "panel.css": (PANEL, "text/css; charset=utf-8"),
}
