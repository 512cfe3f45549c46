/** A multiple-choice question: the choices are the buttons. State: `choice`, a letter or null. */

import { dress, element, furnish, inline, unique } from "./dom.js";

/**
 * @param {import("./host.js").View} view
 * @returns {() => void} what lets go of the model
 */
function render({ model, el }) {
    /** @type {Record<string, [text: string, reason: string]>} */
    const choices = model.get("choices");
    const answer = model.get("answer");
    const name = unique("pl-question");
    const buttons = Object.entries(choices).map(([letter, [text]]) =>
        element("button", { type: "button", click: () => choose(letter) },
            element("span", { class: "pl-letter" }, letter), " ",
            element("span", {}, ...inline(text))));
    const verdict = element("p", { class: "pl-verdict", role: "status" });
    const reasons = element("details", {}, element("summary", {}, "All explanations"),
        ...Object.entries(choices).map(([letter, [, reason]]) =>
            element("p", {}, `${letter}. `, ...inline(reason))));
    furnish(el, "pl-question");
    el.replaceChildren(
        element("p", { class: "pl-prompt", id: name }, ...inline(model.get("prompt"))),
        element("div", { class: "pl-choices", role: "group", "aria-labelledby": name }, ...buttons),
        verdict, reasons);

    /** @param {string} letter */
    function choose(letter) {
        model.set("choice", letter);
        model.save_changes();
    }

    function show() {
        const choice = model.get("choice");
        const state = choice === answer ? "right" : "wrong";
        Object.keys(choices).forEach((letter, index) => dress(buttons[index], {
            "aria-pressed": String(letter === choice),
            "data-state": letter === choice && state,
        }));
        dress(verdict, { "data-state": choice !== null && state });
        verdict.replaceChildren(...(choice === null ? [] : [
            element("b", {}, `${model.get("verdicts")[state]}, ${choice}.`), " ",
            ...inline(choices[choice][1])]));
        reasons.hidden = choice === null;
        if (choice === null) reasons.removeAttribute("open");
    }

    model.on("change:choice", show);
    show();
    return () => model.off("change:choice", show);
}

export default { render };
