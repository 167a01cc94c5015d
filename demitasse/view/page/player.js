// The video on the screen, with the boxes of the item over it. A picture has files of its own, from picture.js on.
"use strict";

let video = null;

function showMedium(index) {
  if (index === state.medium) { drawTimes(); return; }
  state.medium = index;
  const medium = state.data.media[index];
  const name = byId("medium-name");
  name.replaceChildren(visible(medium.name));
  if (medium.length) name.append(make("span", "faint", `${medium.length.toFixed(1)} s`));
  showScreen(medium, index);
  byId("timeline").replaceChildren();
  byId("captions").replaceChildren();
  const draw = medium.kind === "image" || medium.size ? drawPanel : drawDetail;
  detail(index).then((told) => { if (state.medium === index) draw(told, medium); }, (error) => toast(error.message, true));
  if (index + 1 < state.data.media.length) detail(index + 1).catch(() => {});
}

function detail(index) {
  if (!state.details.has(index)) {
    state.details.set(index, source.detail(index));
    if (state.details.size > 50) state.details.delete(state.details.keys().next().value);
  }
  return state.details.get(index);
}

function showScreen(medium, index) {
  const screen = byId("screen");
  if (video) { video.removeAttribute("src"); video.load(); }
  video = scene = null;
  if (medium.kind !== "image") byId("layers").replaceChildren(); // else it would blink from picture to picture
  screen.classList.toggle("pictured", medium.kind === "image");
  if (medium.kind === "image") {
    showPicture(medium, index);
  } else if (medium.kind === "video") {
    video = make("video");
    Object.assign(video, { muted: true, loop: true, preload: "auto", playsInline: true, tabIndex: -1 });
    video.onloadedmetadata = () => { drawTimes(); drawBoxes(); };
    video.ontimeupdate = video.onseeked = tick;
    video.onplay = () => requestAnimationFrame(run);
    video.onpause = tick;
    video.onclick = toggle;
    video.onerror = () => cannot(medium);
    video.src = source.url(index);
    screen.replaceChildren(video, make("canvas"));
  } else {
    screen.replaceChildren(make("div", "nothing", `Not shown: ${medium.fault}`));
  }
}

function cannot(medium) {
  const words = `This browser cannot show ${visible(medium.name)}: the file is missing, damaged, or of a kind that it does not play.`;
  byId("screen").replaceChildren(make("div", "nothing", words));
}

function toggle() {
  if (video && video.paused) video.play().catch(() => {});
  else if (video) video.pause();
}

function toggleSound() {
  if (!video) return;
  video.muted = !video.muted;
  toast(video.muted ? "Sound off." : "Sound on.");
}

function toggleFull() {
  if (document.fullscreenElement) document.exitFullscreen();
  else byId("screen").requestFullscreen().catch(() => {});
}

function run() {
  tick();
  if (video && !video.paused) requestAnimationFrame(run);
}

function seek(to) {
  if (!video) return;
  video.currentTime = Math.max(0, Math.min(to, Number.isFinite(video.duration) ? video.duration : to));
  tick();
}

function playItem() {
  const span = current() && itemSpan(current());
  if (!video || !span) { toast("This item names no stretch of the video."); return; }
  seek(span[0]);
  video.play().catch(() => {});
}

function drawBoxes() {
  if (scene) { drawPicture(); return; }
  const canvas = document.querySelector("#screen canvas");
  if (!canvas || !video) return;
  const [width, height] = [video.videoWidth, video.videoHeight];
  const pen = canvas.getContext("2d");
  canvas.width = canvas.clientWidth * devicePixelRatio;
  canvas.height = canvas.clientHeight * devicePixelRatio;
  const boxes = (current() || {}).boxes || [];
  if (!width || !boxes.length) return;
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const [left, top] = [(canvas.width - width * scale) / 2, (canvas.height - height * scale) / 2];
  pen.lineWidth = 2 * devicePixelRatio;
  pen.strokeStyle = "#ffb454";
  for (const [x1, y1, x2, y2] of boxes) {
    const [across, down] = Math.max(x1, y1, x2, y2) <= 1 ? [width, height] : [1, 1];
    pen.strokeRect(left + x1 * across * scale, top + y1 * down * scale, (x2 - x1) * across * scale, (y2 - y1) * down * scale);
  }
}
