/** Making elements of a page, in few words. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Set attributes: a function listens to the event of that name, `true` is an empty attribute,
 * `false`, `null` and `undefined` take the attribute away.
 *
 * @template {Element} T
 * @param {T} target
 * @param {Record<string, unknown>} attributes
 * @returns {T}
 */
export function dress(target, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === "function") {
            target.addEventListener(name, /** @type {EventListener} */ (value));
        } else if (value === false || value === null || value === undefined) {
            target.removeAttribute(name);
        } else {
            target.setAttribute(name, value === true ? "" : String(value));
        }
    }
    return target;
}

/**
 * Make an HTML element.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] as `dress` takes them
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
    const made = dress(document.createElement(tag), attributes);
    made.append(...children);
    return made;
}

/**
 * Make an SVG element.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] as `dress` takes them
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
    const made = dress(/** @type {SVGElement} */ (document.createElementNS(SVG, tag)), attributes);
    made.append(...children);
    return made;
}

/**
 * Take over the element of a widget. Its keys are its own: JupyterLab must not hear an arrow key
 * in it as "next cell" or a letter as a command.
 *
 * @param {HTMLElement} root
 * @param {string} kind class of the widget, such as "pl-question"
 */
export function furnish(root, kind) {
    root.classList.add("polylab", kind);
    root.setAttribute("data-lm-suppress-shortcuts", "true");
}

/**
 * Return text with `code` between backticks, as nodes.
 *
 * @param {string} text
 * @returns {Node[]}
 */
export function inline(text) {
    return text.split(/`([^`]+)`/).map((part, index) =>
        index % 2 ? element("code", {}, part) : document.createTextNode(part));
}
