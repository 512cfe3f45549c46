/**
 * Brings the widgets on a page without a kernel to life.
 *
 * A notebook stores, for each widget, a stand-in that can be read as it is:
 *
 *     <div class="polylab" data-widget="question" data-state='{"choice":null,…}'>…</div>
 *
 * `data-widget` names the module, `data-state` holds the state as JSON. A page loads the style
 * sheet and this module, from wherever it lies; nothing is asked of another host:
 *
 *     <link rel="stylesheet" href="…/polylab.css">             polylab.lab.modules.style()
 *     <script type="module" src="…/static/host.js"></script>   where the page is served, or
 *     <script defer src="…/polylab.js"></script>               polylab.lab.modules.script()
 *
 * The last is the same, joined into a classic script: it also works on a page that is opened as a
 * file. Every stand-in becomes live once, however often this runs; `enliven(root)` makes those
 * live that came later. `data-theme="dark"` or `"light"` on <html>, or JupyterLab's own mark,
 * chooses the colours, else the reader's `prefers-color-scheme`.
 */

import handFit from "./hand_fit.js";
import lab from "./lab.js";
import question from "./question.js";

const WIDGETS = { hand_fit: handFit, lab, question };

/**
 * What a widget may ask of its model; anywidget's model offers the same and more.
 *
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(name: string, value: any) => void} set calls the listeners if the value is new
 * @property {(event: string, listener: () => void) => void} on "change:name", or "change" for all
 * @property {(event: string, listener: () => void) => void} off
 * @property {() => void} save_changes hands what was set to the kernel, if there is one
 */

/**
 * What a widget's `render` is given.
 *
 * @typedef {object} View
 * @property {Model} model
 * @property {HTMLElement} el
 * @property {boolean} [alone] true on a page without a kernel
 */

/**
 * @param {Record<string, any>} state
 * @returns {Model}
 */
export function modelOf(state) {
    /** @type {Record<string, Set<() => void>>} */
    const listeners = {};
    const tell = event => [...(listeners[event] ?? [])].forEach(listener => listener());
    return {
        get: name => state[name],
        set(name, value) {
            const news = JSON.stringify(value) !== JSON.stringify(state[name]);
            state[name] = value;
            if (news) {
                tell(`change:${name}`);
                tell("change");
            }
        },
        on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
        off: (event, listener) => listeners[event]?.delete(listener),
        save_changes() {},
    };
}

/**
 * Make every stand-in live that is not live yet.
 *
 * @param {ParentNode} [root]
 */
export function enliven(root = document) {
    for (const place of root.querySelectorAll(".polylab[data-widget]:not([data-live])")) {
        const { widget, state } = /** @type {HTMLElement} */ (place).dataset;
        const el = document.createElement("div");
        place.setAttribute("data-live", "");
        WIDGETS[widget].render({ model: modelOf(JSON.parse(state)), el, alone: true });
        place.replaceChildren(el);
    }
}

if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", () => enliven());
} else {
    enliven();
}
