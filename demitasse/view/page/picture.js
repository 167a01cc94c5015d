// The picture on the screen: how near it is seen, and what is drawn over it.
"use strict";

const NEARER = 1.25; // for one turn of the wheel or one press of a key
let scene = null; // the picture that is looked at, and everything over it; null while a video is

function showPicture(medium, index) {
  const image = Object.assign(make("img"), { alt: medium.name, draggable: false });
  const grips = make("div", "grips", ...["nw", "n", "ne", "w", "e", "sw", "s", "se"].map((side) => make("i", side)));
  const parts = { shade: make("canvas"), shapes: make("div", "shapes"), grips, tip: make("div", "tip"), zooming: zoomButtons() };
  Object.assign(parts.shapes, { role: "group", ariaLabel: "boxes over the picture" });
  parts.tip.dir = "auto";
  scene = {
    medium: index, size: medium.size || null, image, ...parts, view: null, room: [1, 1], picture: {}, extra: {},
    regions: [], items: [], drawn: [], read: new Map(), hover: null, pin: null, active: -1, draft: null, adding: false,
  };
  const shown = scene;
  image.onload = () => { if (shown === scene) begin(medium, [image.naturalWidth, image.naturalHeight]); };
  image.onerror = () => { if (shown === scene) { scene = null; cannot(medium); } };
  image.src = source.url(index);
  byId("screen").replaceChildren(image, ...Object.values(parts));
  listenToPointer(parts.shapes);
}

function zoomButtons() {
  const buttons = [["−", "farther (-)", () => zoom(1 / NEARER)], ["+", "nearer (+)", () => zoom(NEARER)], ["⤢", "the whole picture (0)", fitPicture]];
  const [less, more, whole] = buttons.map(([words, label, act]) => action(words, "", act, "", label));
  return make("div", "zooming", less, make("span", "zoom"), more, whole);
}

function begin(medium, natural) {
  scene.size ||= natural;
  const [width, height] = scene.size;
  byId("medium-name").append(make("span", "faint", `${number(width)} × ${number(height)}`));
  // Within a pixel of rounding; a picture that was only made smaller still fits its boxes.
  if (Math.abs(width * natural[1] - height * natural[0]) > Math.max(...natural)) {
    toast(`The file is ${natural.join(" × ")} and its boxes count in ${width} × ${height}: is it another picture, or was it turned?`, true);
  }
  fitPicture();
  drawCard();
}

function fitPicture() {
  if (!scene || !scene.size) return;
  measureRoom();
  scene.view = fitted(scene.size, scene.room);
  drawPicture();
}

function measureRoom() {
  const screen = byId("screen");
  scene.room = [Math.max(1, screen.clientWidth), Math.max(1, screen.clientHeight)];
}

// After the window has changed: what was fitted is fitted again, and what was near stays where it is.
function roomChanged() {
  if (!scene || !scene.view) return;
  const whole = scene.view.scale <= fitted(scene.size, scene.room).scale * 1.001;
  measureRoom();
  scene.view = whole ? fitted(scene.size, scene.room) : settled(scene.view, scene.size, scene.room);
  placeAll();
}

function zoom(factor, at) {
  if (!scene || !scene.view) return;
  scene.view = zoomed(scene.view, factor, at || [scene.room[0] / 2, scene.room[1] / 2], scene.size, scene.room);
  placeAll();
}

function pan(across, down) {
  scene.view = settled({ ...scene.view, x: scene.view.x + across, y: scene.view.y + down }, scene.size, scene.room);
  placeAll();
}

// As near as the boxes of the item, or the one that is worked on, can be seen well; again: the whole picture.
function zoomToItem() {
  const boxes = boxesOfCurrent();
  if (!scene || !scene.view || !boxes.length) return;
  const wanted = focused(joinedBox((boxes[scene.active] ? [boxes[scene.active]] : boxes).map((box) => box.px)), scene.size, scene.room);
  const there = Math.abs(wanted.scale - scene.view.scale) < 1e-6 && Math.hypot(wanted.x - scene.view.x, wanted.y - scene.view.y) < 1;
  scene.view = there ? fitted(scene.size, scene.room) : wanted;
  placeAll();
}

function bringIntoSight(px) {
  if (!isInSight(toScreen(scene.view, px), scene.room)) scene.view = focused(px, scene.size, scene.room);
  placeAll();
}

function drawPicture() {
  if (!scene || !scene.view || state.medium !== scene.medium) return;
  gatherItems();
  makeShapes();
  drawLayers();
  placeAll();
  light();
}

function placeAll() {
  const { scale, x, y } = scene.view;
  const { image } = scene;
  const [width, height] = scene.size;
  image.style.width = `${width}px`;
  image.style.height = `${height}px`;
  image.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  image.classList.toggle("near", scale >= 3);
  placeShapes();
  drawShade();
  scene.zooming.querySelector(".zoom").textContent = `${scale < 0.1 ? (scale * 100).toFixed(1) : Math.round(scale * 100)} %`;
}
