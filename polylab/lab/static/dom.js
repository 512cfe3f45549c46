/** Making elements of a page, in few words. */

const SVG = "http://www.w3.org/2000/svg";
const KEYED = new Set(["a", "button", "input", "select", "summary", "textarea"]);

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
            const text = value === true ? "" : String(value);
            if (target.getAttribute(name) !== text) target.setAttribute(name, text);
        }
    }
    return target;
}

/**
 * Keep the keys of an element that can have the focus: JupyterLab would take an arrow for "next
 * cell" and two d for "delete this cell". It asks the element itself, not those around it. It also
 * keeps the Enter key from telling a field that it has changed.
 *
 * @template {Element} T
 * @param {T} target
 * @returns {T}
 */
function keepKeys(target) {
    if (KEYED.has(target.localName) || target.hasAttribute("tabindex")) {
        target.setAttribute("data-lm-suppress-shortcuts", "true");
    }
    if (["text", "number"].includes(target.getAttribute("type"))) {
        target.addEventListener("keydown", event => {
            if (/** @type {KeyboardEvent} */ (event).key === "Enter") {
                target.dispatchEvent(new Event("change"));
            }
        });
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
    const made = keepKeys(dress(document.createElement(tag), attributes));
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
    const bare = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
    const made = keepKeys(dress(bare, attributes));
    made.append(...children);
    return made;
}

/**
 * Say why a field does not hold what was typed; nothing is said for "".
 *
 * @param {{field: HTMLElement, refusal: HTMLElement}} control
 * @param {string} reason
 */
export function refuse({ field, refusal }, reason) {
    dress(field, { "aria-invalid": reason !== "" && "true" });
    refusal.hidden = reason === "";
    refusal.textContent = reason;
}

/**
 * Take over the element of a widget.
 *
 * @param {HTMLElement} root
 * @param {string} kind class of the widget, such as "pl-question"
 */
export function furnish(root, kind) {
    root.classList.add("polylab", kind);
}

/**
 * Return an id that nothing else on the page has. Counting would not do: a notebook loads this
 * module anew for each widget.
 *
 * @param {string} name
 */
export function unique(name) {
    return `${name}-${Math.random().toString(36).slice(2)}`;
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
