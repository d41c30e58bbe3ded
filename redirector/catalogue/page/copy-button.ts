import { element, unseen } from "./element.ts";
import { tell } from "./frame.ts";

/** How long a button shows that it has copied, in milliseconds. */
const shownFor = 1600;

/** A button that copies a text. `what` names it for those who do not see where it stands. */
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

  function show(word: string, told: string): void {
    label.textContent = word;
    button.classList.add("done");
    tell(told);
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      label.textContent = "Copy";
      button.classList.remove("done");
    }, shownFor);
  }
}

/** A line to be copied whole. */
export function copyLine(text: string, what: string): HTMLElement {
  return element("div", { class: "line" }, element("code", {}, text), copyButton(text, what));
}
