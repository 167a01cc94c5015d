// From the disk no browser starts the worker that searches: the box goes, and does not fail on every page.
if (location.protocol === "file:") {
  window.Worker = class { postMessage() {} };
  addEventListener("DOMContentLoaded", () => document.getElementById("rtd-search-form")?.remove());
}
// Code and tables that are wider than their place are moved by keys too; nothing else stops the Tab key.
const reach = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
addEventListener("load", async () => {
  await document.fonts.ready; // a font that comes late widens what a place holds, and not the place
  for (const part of document.querySelectorAll("pre code, .rst-content table")) reach.observe(part);
});
