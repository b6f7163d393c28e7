// Lines above the list that tell what happened, until somebody dismisses them.

import { element } from "./dom.js";

const noticesMax = 3;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

export class Notices {
  #list;
  #announce;
  #items = [];

  constructor({ list, announce }) {
    this.#list = list;
    this.#announce = announce;
  }

  /** Tells the newest on top; `kind` is "notice" or "error". */
  tell(message, kind = "notice") {
    const item = element("li", `notice notice-${kind}`);
    const text = element("span", "notice-text", `${clock.format(new Date())}  ${message}`);
    text.dir = "auto";
    const button = element("button", "quiet", "Dismiss");
    button.type = "button";
    button.addEventListener("click", () => this.#remove(item));
    item.append(text, button);
    this.#list.prepend(item);
    this.#items.unshift(item);
    for (const old of this.#items.slice(noticesMax)) this.#remove(old);
    this.#announce(message);
  }

  #remove(item) {
    item.remove();
    this.#items = this.#items.filter((kept) => kept !== item);
  }
}
