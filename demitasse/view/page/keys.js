// What each key does.
"use strict";

const KEYS = [
  ["a", "accept, go on", () => judge("accept")],
  ["r", "reject, go on", () => judge("reject")],
  ["j ↓", "next item", () => step(1)],
  ["k ↑", "previous item", () => step(-1)],
  ["A", "accept the rest of this video", acceptMedium],
  ["n", "next undecided", () => goToUndecided() || toast("Nothing undecided follows in this list.")],
  ["J", "next video", () => stepMedium(1)],
  ["K", "previous video", () => stepMedium(-1)],
  ["u", "undo", undo],
  ["e 1", "edit the question", () => openEditor(0)],
  ["2", "edit the options", () => openEditor(1)],
  ["3", "edit the answer", () => openEditor(2)],
  ["4", "edit the reasoning", () => openEditor(3)],
  ["Space", "play, pause", toggle],
  ["← →", "one second", (key) => video && seek(video.currentTime + (key === "←" ? -1 : 1))],
  [", .", "one frame", (key) => { if (video) { video.pause(); seek(video.currentTime + (key === "," ? -1 : 1) / 25); } }],
  ["g", "play what the item is about", playItem],
  ["m", "sound", toggleSound],
  ["f", "full screen", toggleFull],
  ["p", "where it comes from", () => { const box = byId("provenance"); if (box) { box.open = !box.open; box.scrollIntoView({ block: "nearest" }); } }],
  ["/", "search", () => { byId("search").focus(); byId("search").select(); }],
  ["?", "these keys", () => byId("help").showModal()],
];
const NAMES = { " ": "Space", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→" };
const actions = new Map(KEYS.flatMap(([keys, , act]) => keys.split(" ").map((key) => [key, act])));

function onKey(event) {
  const field = event.target.closest?.("input:not([type=radio]), textarea, select");
  if (state.editing) {
    if (event.key === "Escape") { event.preventDefault(); closeEditor(); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); openEditor.save(); }
    return;
  }
  if (byId("help").open) return;
  if (field) {
    if (event.key === "Escape" || (event.key === "Enter" && field.id === "search")) field.blur();
    return;
  }
  if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); undo(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("button, summary, a") && [" ", "Enter"].includes(event.key)) return;
  const key = NAMES[event.key] || event.key;
  const act = actions.get(key);
  if (!act) return;
  event.preventDefault();
  event.stopPropagation(); // the video's own controls would act a second time
  act(key);
}
