// Shows the items that match the chosen task, outcome and words. Without scripts every item is shown.
const form = document.getElementById("browse");
if (form) {
  const items = [...document.querySelectorAll("article.item")];
  const shown = document.getElementById("shown");
  const choose = () => {
    const task = form.task.value, outcome = form.outcome.value, words = form.words.value.toLowerCase();
    let count = 0;
    for (const item of items) {
      const fits = (!task || item.dataset.task === task) && (!outcome || item.dataset.outcome.split(" ").includes(outcome)) &&
        (!words || item.textContent.toLowerCase().includes(words));
      item.hidden = !fits;
      count += fits;
    }
    for (const group of document.querySelectorAll("details.group")) {
      group.hidden = !group.querySelector("article.item:not([hidden])");
      if (task || outcome || words) group.open = !group.hidden;
    }
    shown.textContent = `${count} of ${items.length} items shown`;
  };
  form.hidden = false;
  form.addEventListener("input", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  choose();
}
// A link to an item opens the group that it is in.
const reveal = () => {
  const item = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const group = item && item.closest("details");
  if (group) { group.open = true; item.scrollIntoView(); }
};
addEventListener("hashchange", reveal);
reveal();
// What is wider than its place is moved by keys too, and a table then has a name; nothing else stops the Tab key.
const reach = (target) => {
  const title = target.closest("section").querySelector("h2").textContent;
  const told = target.matches("figure") ? {} : { role: "group", "aria-label": title };
  for (const [name, value] of Object.entries({ tabindex: "0", ...told })) {
    if (target.scrollWidth > target.clientWidth) target.setAttribute(name, value);
    else target.removeAttribute(name);
  }
};
// At once as well: an observer speaks with a drawn frame only, and a page that nobody looks at may never draw one.
const resized = new ResizeObserver((seen) => seen.forEach(({ target }) => reach(target)));
for (const part of document.querySelectorAll(".scroll, figure")) { reach(part); resized.observe(part); }
