import { element, unseen } from "./element.ts";
import { announce } from "./frame.ts";

/** How long a button confirms that it has copied, in milliseconds. */
const shownFor = 1600;

/** A button that copies a text. `what` names the text for screen readers. */
export function copyButton(text: string, what: string): HTMLButtonElement {
  const label = element("span", { "aria-hidden": "true" }, "Copy");
  const button = element("button", { type: "button", class: "copy" }, label, unseen(`Copy ${what}`));
  let timer = 0;
  button.addEventListener("click", () => {
    navigator.clipboard.writeText(text).then(
      () => show("Copied", `Copied ${what}`),
      () => show("Not copied", "The browser does not allow copying: select the text instead"),
    );
  });
  return button;

  function show(word: string, announcement: string): void {
    label.textContent = word;
    button.classList.add("done");
    announce(announcement);
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      label.textContent = "Copy";
      button.classList.remove("done");
    }, shownFor);
  }
}

/** A line with a button that copies it. */
export function copyLine(text: string, what: string): HTMLElement {
  return element("div", { class: "line" }, element("code", {}, text), copyButton(text, what));
}
