"use strict";
// Counts every deadline on the page down, and lets Ctrl+K find.

function told(seconds) {
  const late = seconds < 0;
  const left = Math.abs(seconds);
  const days = Math.floor(left / 86400);
  const hours = Math.floor((left % 86400) / 3600);
  const minutes = Math.floor((left % 3600) / 60);
  const parts = days ? [days + " d", hours + " h"] : hours ? [hours + " h", minutes + " min"] : [minutes + " min", Math.floor(left % 60) + " s"];
  return (late ? "late by " : "") + parts.join(" ");
}

function count() {
  for (const place of document.querySelectorAll("[data-countdown]")) {
    const seconds = (Date.parse(place.dateTime) - Date.now()) / 1000;
    place.textContent = told(seconds);
    place.title = new Date(place.dateTime).toLocaleString();
    if (place.dataset.countdown === "calm") continue;
    place.classList.toggle("late", seconds < 0);
    place.classList.toggle("near", seconds >= 0 && seconds < 1800);
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
    const find = document.getElementById("find");
    if (find) {
      event.preventDefault();
      find.focus();
      find.select();
    }
  }
});

// A form that was sent is not sent twice by a second click.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button")) {
    button.setAttribute("aria-disabled", "true");
  }
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
});

document.addEventListener("htmx:afterSwap", count);
// A page that the browser kept is shown with its forms open again.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
  count();
});
setInterval(count, 1000);
count();
