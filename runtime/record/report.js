"use strict";
// Plays from what is clicked, and follows what is played. The page is whole without it.
document.documentElement.classList.add("scripted");
const audio = document.querySelector("audio");
const lines = [...document.querySelectorAll(".lines li[id]")];
const head = document.getElementById("head");
const tell = document.getElementById("tell");
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

function playFrom(second) {
  if (!audio) return false;
  audio.currentTime = second;
  audio.play().catch(() => {});
  return true;
}

document.addEventListener("click", (event) => {
  const to = event.target.closest("[data-at]");
  const line = event.target.closest(".lines li[id]");
  if (to && playFrom(Number(to.dataset.at))) event.preventDefault();
  else if (!to && line && !String(getSelection())) playFrom(Number(line.dataset.from));
});

for (const mark of document.querySelectorAll(".marks a")) {
  const say = () => { tell.textContent = mark.getAttribute("aria-label"); };
  mark.addEventListener("mouseenter", say);
  mark.addEventListener("focus", say);
}

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, audio, summary") || event.ctrlKey || event.metaKey || event.altKey) return;
  const shown = lines.filter((line) => line.offsetParent !== null);
  const here = shown.indexOf(document.activeElement.closest(".lines li[id]"));
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && here >= 0) {
    const next = shown[here + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) next.querySelector(".at").focus();
    event.preventDefault();
  } else if (event.key === " " && audio && !event.target.closest(".plot")) {
    if (audio.paused) audio.play().catch(() => {}); else audio.pause();
    event.preventDefault();
  }
});

if (audio) {
  let lit = null;
  audio.addEventListener("timeupdate", () => {
    const now = audio.currentTime;
    const begun = lines.filter((line) => Number(line.dataset.from) <= now + 0.05);
    const line = begun.at(-1) ?? null;
    if (audio.duration) head.setAttribute("x", `${(100 * now) / Number(document.body.dataset.length || audio.duration)}%`);
    if (line === lit) return;
    lit?.removeAttribute("aria-current");
    lit = line;
    lit?.setAttribute("aria-current", "true");
    if (lit && !audio.paused) lit.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
  });
  audio.addEventListener("error", () => document.documentElement.classList.add("silent"));
  document.getElementById("speed").addEventListener("change", (event) => {
    audio.playbackRate = Number(event.target.value);
  });
}
addEventListener("beforeprint", () => { for (const fold of document.querySelectorAll("details")) fold.open = true; });
