// What several parts of the page do with nodes.

const found = new Map();

/** The node of the page with this id, also when somebody else has taken it out of the page since. */
export function node(id) {
  if (!found.has(id)) found.set(id, document.getElementById(id));
  return found.get(id);
}

export function element(name, className, content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (content !== undefined) made.textContent = content;
  return made;
}

/** Sets text that differs; what assistive technology reads out is not said twice. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Puts nodes into a parent in their order. Nodes that are there and no part of it, such as those of a browser's
 * extension, stay where they are; those in place are not touched, since moving a node takes the focus from it.
 */
export function placeNodes(parent, nodes) {
  const own = new Set(nodes);
  let next = parent.firstChild;
  for (const child of nodes) {
    while (next !== null && !own.has(next)) next = next.nextSibling;
    if (next === child) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
}
