// The last script: it loads the data, listens, and draws the page for the first time.
"use strict";

function listen() {
  document.addEventListener("keydown", onKey, true);
  // A button that was clicked must not take the next Space.
  document.addEventListener("click", (event) => { if (event.detail) event.target.closest?.("button")?.blur(); });
  byId("list").addEventListener("scroll", drawList, { passive: true });
  let timer = 0;
  byId("search").oninput = () => { clearTimeout(timer); timer = setTimeout(filter, 130); };
  byId("show-help").onclick = () => byId("help").showModal();
  byId("download").onclick = download;
  new ResizeObserver(() => { drawList(); if (state.medium >= 0) drawTimes(); if (scene) roomChanged(); else drawBoxes(); }).observe(document.body);
  window.addEventListener("beforeunload", (event) => { if (waiting.size || embedded.unsaved || state.editing || (scene && scene.draft)) event.preventDefault(); });
  // Somebody may have decided in another window.
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden || waiting.size || source !== served) return;
    putEdits(await get("/api/edits").catch(() => []));
    refresh();
  });
  listKeys();
}

async function start() {
  if (byId("data")) source = embedded;
  const { data, edits } = await source.load();
  state.data = data;
  data.items.forEach((item, index) => Object.assign(item, { index, key: keyOf(item) }));
  document.title = `${data.title} – Demitasse`;
  byId("title").textContent = visible(data.title);
  putEdits(edits);
  fillFilters();
  listen();
  if (source === embedded && data.decidable) { byId("who").value = data.who; showDownload(); embedded.unsaved = false; }
  if (data.notes.length) trouble(data.notes.join(" "), "note");
  const wanted = location.hash.slice(1);
  filter();
  const row = state.rows.findIndex((one) => one.item && one.item.item === wanted);
  if (row >= 0) select(row);
  refresh();
}

start().catch((error) => trouble(error.message || String(error)));
