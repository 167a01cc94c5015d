// The pointer over the picture: it points, takes hold of a box, draws one, or moves the picture.
"use strict";

const STILL = 3; // screen pixels that a pointer may move and still have only clicked
const CURSORS = { n: "ns", s: "ns", w: "ew", e: "ew", nw: "nwse", se: "nwse", ne: "nesw", sw: "nesw" };

function listenToPointer(node) {
  let press = null;
  const placeOf = (event) => {
    const { left, top } = node.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  node.onpointerdown = (event) => {
    if (!scene.view || event.button > 1) return;
    event.preventDefault(); // no text is selected, and the focus stays
    settle();
    node.setPointerCapture(event.pointerId);
    press = begun(placeOf(event), event.button === 1);
    scene.tipped = null;
    point(null);
  };
  node.onpointermove = (event) => {
    if (!scene.view) return;
    const at = placeOf(event);
    if (!press) { hover(at); return; }
    press.moved ||= Math.hypot(at[0] - press.from[0], at[1] - press.from[1]) > STILL;
    if (press.moved) press.move(at);
  };
  node.onpointerup = (event) => {
    const done = press;
    press = null;
    if (!done) return;
    if (done.moved) done.end(placeOf(event));
    else clicked(placeOf(event));
  };
  node.onpointercancel = () => { press = null; scene.draft = null; drawPicture(); };
  node.onpointerleave = () => { if (!press) { scene.tipped = null; point(null); } };
  node.ondblclick = (event) => zoom(NEARER ** 3, placeOf(event));
  node.addEventListener("wheel", (event) => turned(event, placeOf(event)), { passive: false });
}

function turned(event, at) {
  const scrolls = document.documentElement.scrollHeight > window.innerHeight; // a narrow window scrolls as a whole
  if (!scene.view || (scrolls && !event.ctrlKey)) return;
  event.preventDefault();
  zoom(NEARER ** (-Math.max(-100, Math.min(100, event.deltaY)) / 60), at);
}

// What a press at a point is the beginning of: {from, move, end}.
function begun(from, onlyMoves) {
  const hold = onlyMoves ? null : holdAt(from);
  if (hold && hold.grip === "draw") return drawing(from);
  if (hold) return dragging(from, hold);
  let last = from;
  return { from, end: () => {}, move: (at) => { pan(at[0] - last[0], at[1] - last[1]); last = at; } };
}

function drawing(from) {
  const start = toPicture(scene.view, from);
  const boxAt = (at) => spanned(start, toPicture(scene.view, at), scene.size);
  const before = boxesOfCurrent();
  return {
    from,
    move: (at) => { const px = boxAt(at); draft(px ? [...before, freshBox(px, before)] : before); },
    end: (at) => { const px = boxAt(at); scene.draft = null; if (px) addBox(px); else drawPicture(); },
  };
}

function dragging(from, { index, grip }) {
  const { px } = boxesOfCurrent()[index];
  const boxAt = ([x, y]) => dragged(px, grip, [(x - from[0]) / scene.view.scale, (y - from[1]) / scene.view.scale], scene.size);
  return {
    from,
    move: (at) => {
      scene.active = index;
      draft(withBox(index, boxAt(at)));
    },
    end: (at) => {
      keepBoxes(withBox(index, boxAt(at)));
      focusActive();
      say(wordsOfBox(scene.active));
    },
  };
}

// What the pointer would take hold of: a grip of the box that is worked on, or another box of the same item.
function holdAt(at) {
  if (!isChangeable()) return null;
  if (scene.adding) return { grip: "draw" };
  const active = boxesOfCurrent()[scene.active];
  const grip = active && !hidden.has("box") ? gripAt(toScreen(scene.view, active.px), at) : "";
  if (grip) return { index: scene.active, grip };
  const shape = shapeAt(at);
  return shape && shape.own ? { index: shape.target.index, grip: "move" } : null;
}

const shapeAt = (at) => underPoint(scene.drawn.filter((shape) => !hidden.has(shape.layer)), at);

function hover(at) {
  const hold = holdAt(at);
  const shape = shapeAt(at);
  scene.shapes.style.cursor = !hold ? (shape ? "pointer" : "grab") : hold.grip === "draw" ? "crosshair" : hold.grip === "move" ? "move" : `${CURSORS[hold.grip]}-resize`;
  scene.tipped = scene.adding || !shape ? null : shape.target;
  point(scene.tipped);
  placeTip();
}

function clicked(at) {
  const shape = shapeAt(at);
  if (!shape) { scene.pin = null; deactivate(); return; }
  if (shape.layer !== "box") { pin(shape.target); return; }
  const { item, index } = shape.own && scene.active === shape.target.index ? nextAt(at, shape.target) : shape.target;
  if (current() !== state.data.items[item]) {
    const row = state.rows.findIndex((one) => one.item === state.data.items[item]);
    if (row < 0) { toast("The filters hide this one from the list."); return; }
    select(row);
  }
  scene.hover = null;
  activate(index);
}

// Boxes of several items may lie at one place: clicking again goes to the next.
function nextAt(at, target) {
  const here = scene.drawn.filter((shape) => shape.layer === "box" && holds(findable(shape.frame), at)).map((shape) => shape.target);
  const later = here.filter((one) => one.item > target.item);
  return later[0] || here.filter((one) => one.item < target.item)[0] || target;
}
