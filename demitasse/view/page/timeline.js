// The timeline under the video and the captions below it; both follow the video as it plays.
"use strict";

const TICK = 56; // pixels from one time on the ruler to the next: its words and a half, for the first begins at its line

const duration = () => {
  if (video && Number.isFinite(video.duration) && video.duration > 0) return video.duration;
  return state.data.media[state.medium].length || Math.max(1, ...[...document.querySelectorAll(".seg")].map((seg) => +seg.dataset.end));
};

function drawDetail(told, medium) {
  const tracks = Object.entries(told.tracks).filter(([, spans]) => spans.length);
  const captions = [];
  const { Mode: mode, ...texts } = told.texts;
  if (mode) byId("medium-name").append(make("span", "faint", mode));
  if (medium.note) captions.push(make("p", "notice", medium.note));
  for (const [name, spans] of tracks) {
    captions.push(make("h3", "", name), ...spans.map((span) => captionLine(name, span)));
  }
  for (const [name, text] of Object.entries(texts)) captions.push(make("h3", "", name), prose(text));
  if (!captions.length) captions.push(make("p", "faint", "No captions were kept for this one."));
  byId("captions").replaceChildren(...captions);
  byId("captions").scrollTop = 0;
  drawTracks(tracks);
  drawCard();
}

function captionLine(name, [start, end, text]) {
  const line = make("div", "line", timeButton(`${clock(start)} – ${clock(end)}`, start), prose(text));
  Object.assign(line.dataset, { start, end });
  return line;
}

function drawTracks(tracks) {
  const parts = [];
  if (video) parts.push(track("item-times", "this item", []));
  for (const [name, spans] of tracks) parts.push(track(name.toLowerCase(), name, spans));
  if (video && !tracks.length) parts.push(track("whole", "Video", []));
  if (video || tracks.length) {
    const play = make("button", "position");
    Object.assign(play, { onclick: toggle, title: "play, pause (Space)", tabIndex: -1 });
    parts.push(make("div", "ruler", play, make("div", "ticks")));
    parts.push(make("div", "playhead"));
  }
  byId("timeline").replaceChildren(...parts);
  drawTimes();
}

// Stretches that overlap lie one below the other.
function lanes(spans) {
  const ends = [];
  return spans.map(([start, end]) => {
    const free = ends.findIndex((last) => last <= start);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = end;
    return lane;
  });
}

function track(kind, label, spans) {
  const segs = spans.map(segment);
  const places = lanes(spans);
  const deep = Math.min(4, 1 + Math.max(0, ...places));
  segs.forEach((seg, index) => {
    seg.style.top = `${(100 * (places[index] % deep)) / deep}%`;
    seg.style.height = `${100 / deep}%`;
  });
  const bar = make("div", "bar", ...segs);
  bar.style.height = `${[15, 20, 27, 34][deep - 1]}px`;
  bar.onclick = (event) => {
    if (event.target === bar) seek((event.offsetX / bar.clientWidth) * duration());
  };
  return make("div", `track ${kind}`, make("span", "label", label), bar);
}

function segment([start, end, text]) {
  const seg = make("button", "seg");
  seg.tabIndex = -1;
  seg.title = `${clock(start)} – ${clock(end)}  ${text}`;
  Object.assign(seg.dataset, { start, end });
  seg.onclick = () => seek(start);
  return seg;
}

// Places everything by the video's length, which is known for certain only once its file is there.
function drawTimes() {
  const bar = document.querySelector(".item-times .bar");
  const span = current() && itemSpan(current());
  if (bar) {
    bar.replaceChildren(...(span ? [segment([...span, "named by this item"])] : []));
    bar.parentNode.hidden = bar.parentNode.style.display = span ? "" : "none";
  }
  const whole = duration();
  for (const seg of document.querySelectorAll(".seg")) {
    const start = Math.min(+seg.dataset.start, whole);
    seg.style.left = `${(100 * start) / whole}%`;
    seg.style.width = `${(100 * Math.max(0, Math.min(+seg.dataset.end, whole) - start)) / whole}%`;
  }
  const ticks = document.querySelector(".ruler .ticks");
  if (ticks) {
    const most = Math.max(2, Math.min(8, Math.floor(ticks.clientWidth / (TICK * (whole < 3600 ? 1 : 1.5)))));
    const every = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600].find((seconds) => whole / seconds <= most) || whole;
    ticks.replaceChildren();
    for (let at = 0; at <= whole + 1e-6; at += every) {
      const mark = make("span", "", clock(at));
      mark.style.left = `${(100 * at) / whole}%`;
      if (at > 0.96 * whole) mark.className = "last";
      ticks.append(mark);
    }
  }
  tick();
}

// The times that an item's answer names, or else its question: what it is about.
function itemSpan(item) {
  const text = textOf(item, editOf(item));
  for (const words of [item.task === "temporal_localization" ? text.answer : "", text.question]) {
    const times = (words.match(CLOCK) || []).map(seconds);
    if (times.length >= 2) return [Math.min(...times), Math.max(...times)];
  }
  return null;
}

let lit = "";

function tick() {
  const now = video ? video.currentTime : 0;
  const head = document.querySelector(".playhead");
  const bar = document.querySelector(".timeline .bar");
  if (head && bar) {
    const whole = duration();
    head.style.left = `${74 + (Math.min(now, whole) / whole) * (byId("timeline").clientWidth - 74)}px`;
    document.querySelector(".position").textContent = `${video && !video.paused ? "❚❚" : "▶"} ${clock(now, true)}`;
  }
  let first = null;
  const marks = [];
  for (const part of document.querySelectorAll(".seg, .line")) {
    const on = Boolean(video) && now >= +part.dataset.start && now < +part.dataset.end;
    part.classList.toggle("now", on);
    if (on && part.classList.contains("line")) { first ??= part; marks.push(part.dataset.start); }
  }
  if (first && video && !video.paused && lit !== marks.join()) first.scrollIntoView({ block: "nearest" });
  lit = marks.join();
}
