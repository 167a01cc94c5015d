// What each key does. One that has nothing to do for the moment (`false`) is left to the next that names it.
"use strict";

const ARROWS = { "←": [-1, 0], "→": [1, 0], "↑": [0, -1], "↓": [0, 1] };
const KEYS = {
  Picture: [
    ["b", "next box", () => scene && activate(scene.active + 1)],
    ["B", "previous box", () => scene && activate(scene.active < 0 ? -1 : scene.active - 1)],
    ["← → ↑ ↓", "move the box", (key) => nudge(...ARROWS[key], "move")],
    ["⇧← ⇧→ ⇧↑ ⇧↓", "move its right and lower edges", (key) => nudge(...ARROWS[key.slice(1)], "se")],
    ["i", "add a box", () => startAdding()],
    ["Enter", "put it into the middle", addInTheMiddle],
    ["Delete x", "remove the box", () => removeBox()],
    ["+ -", "nearer, farther", (key) => zoom(key === "+" ? NEARER : 1 / NEARER)],
    ["0", "the whole picture", fitPicture],
    ["g", "near to the item's boxes", zoomToItem],
    ["5 6 7 8 9", "switch a layer", (key) => switchLayer(LAYERS.find((layer) => layer.key === key).name)],
    ["Esc", "let go", letGo],
  ],
  Video: [
    ["Space", "play, pause", toggle],
    ["← →", "one second", (key) => video && seek(video.currentTime + (key === "←" ? -1 : 1))],
    [", .", "one frame", (key) => { if (video) { video.pause(); seek(video.currentTime + (key === "," ? -1 : 1) / 25); } }],
    ["g", "play what the item is about", playItem],
    ["m", "sound", toggleSound],
  ],
  Everywhere: [
    ["a", "accept, go on", () => judge("accept")],
    ["r", "reject, go on", () => judge("reject")],
    ["j ↓", "next item", () => step(1)],
    ["k ↑", "previous item", () => step(-1)],
    ["A", "accept the rest of this one", acceptMedium],
    ["n", "next undecided", () => { if (!goToUndecided()) toast("Nothing undecided follows in this list."); }],
    ["J", "next video or picture", () => stepMedium(1)],
    ["K", "previous one", () => stepMedium(-1)],
    ["u z", "undo", undo],
    ["e 1", "edit the question or phrase", () => openEditor(0)],
    ["2", "edit the options", () => openEditor(1)],
    ["3", "edit the answer", () => openEditor(2)],
    ["4", "edit the reasoning", () => openEditor(3)],
    ["f", "full screen", toggleFull],
    ["p", "where it comes from", () => { const box = byId("provenance"); if (box) { box.open = !box.open; box.scrollIntoView({ block: "nearest" }); } }],
    ["/", "search", () => { byId("search").focus(); byId("search").select(); }],
    ["?", "these keys", () => byId("help").showModal()],
  ],
};
const ONCE = ["a", "r", "A"]; // a key that is held decides once, and not on all that follows
const NAMES = { " ": "Space", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", Backspace: "Delete", "=": "+" };

function actionsOf(key) {
  const groups = [scene ? KEYS.Picture : KEYS.Video, KEYS.Everywhere];
  return groups.flat().filter(([keys]) => keys.split(" ").includes(key)).map(([, , act]) => act);
}

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
  const name = NAMES[event.key] || event.key;
  const key = event.shiftKey && name in ARROWS ? `⇧${name}` : name;
  if (event.repeat && ONCE.includes(name)) { event.preventDefault(); return; }
  for (const act of actionsOf(key)) {
    if (act(key) === false) continue;
    event.preventDefault();
    event.stopPropagation(); // the video's own controls would act a second time
    return;
  }
}

function listKeys() {
  byId("keys").replaceChildren(...Object.entries(KEYS).map(([title, keys]) => make("div", "", make("h3", "", title), make("dl", "", ...keys.flatMap(([names, words]) => [
    make("dt", "", ...names.split(" ").flatMap((name) => [make("kbd", "", name), " "])), make("dd", "", words),
  ])))));
}
