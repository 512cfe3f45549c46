/** What the lab is moved by: the rate, lists, numbers, handles. */

import { dress, element, refuse } from "./dom.js";
import { count, rateIn, rateText, spoken } from "./words.js";

const NOTCH = 0.004; // decades between two positions of the slider, 0.93 %

/** The learning rate: a slider, and a field that understands what people type. */
export class RateControl {
    /** @param {number} value @param {(rate: number) => void} write */
    constructor(value, write) {
        this.value = value;
        this.write = write;
        this.range = element("input", { type: "range", step: NOTCH, "aria-label": "Learning rate",
            input: () => this.write(Number((10 ** Number(this.range.value)).toPrecision(4))) });
        this.field = element("input", { type: "text", size: 9, autocomplete: "off",
            inputmode: "text", spellcheck: "false", "aria-label": "Learning rate, as a number",
            change: () => this.type() });
        this.refusal = element("span", { class: "pl-refusal", role: "alert", hidden: true });
        this.root = element("div", { class: "pl-rate" },
            element("b", { "aria-hidden": "true" }, "Learning rate"), this.range, this.field,
            this.refusal);
    }

    type() {
        const read = rateIn(this.field.value);
        const refusal = "refusal" in read ? read.refusal : "";
        refuse(this, refusal);
        if ("rate" in read) {
            this.shown = NaN; // whatever was typed, the field says the rate in the usual way
            this.write(read.rate);
            this.show(read.rate, this.span);
        }
    }

    /** Move the rate by keys, as a slider does. @param {KeyboardEvent} event */
    key(event) {
        const notches = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 25,
                          PageDown: -25 }[event.key];
        if (!notches) return;
        event.preventDefault();
        this.write(Number((this.value * 10 ** (notches * NOTCH)).toPrecision(4)));
    }

    /** @param {number} rate @param {[number, number]} span */
    show(rate, span) {
        this.value = rate;
        this.span = span;
        const [low, high] = span.map(Math.log10);
        dress(this.range, { min: low, max: high, "aria-valuetext": `rate ${spoken(rate)}` });
        const place = Math.log10(rate);
        const off = Math.abs(Number(this.range.value) - place);
        if (off > NOTCH / 2) this.range.value = String(place);
        if (rate !== this.shown) {
            this.field.value = rateText(rate, 7);
            refuse(this, "");
        }
        this.shown = rate;
    }
}

/** A labelled list of choices. A value that is not in the list joins it. */
export class Choice {
    /**
     * @param {string} label
     * @param {[value: unknown, name: string][]} choices
     * @param {() => unknown} read @param {(value: any) => void} write
     */
    constructor(label, choices, read, write) {
        this.read = read;
        this.list = element("select", { "aria-label": label,
            change: () => write(JSON.parse(this.list.value)) },
        ...choices.map(([value, name]) =>
            element("option", { value: JSON.stringify(value) }, name)));
        this.root = element("label", {}, element("span", {}, label), this.list);
    }

    show() {
        const value = this.read(), text = JSON.stringify(value);
        if (![...this.list.options].some(option => option.value === text)) {
            this.list.append(element("option", { value: text },
                typeof value === "number" ? count(value) : "your own"));
        }
        this.list.value = text;
    }
}

/** A labelled number from 0 on. What it cannot be is refused with a sentence. */
export class NumberField {
    /**
     * @param {string} label
     * @param {{most: () => number, step: number, used: () => boolean}} options the largest number,
     *     the step of its arrows (1 for whole numbers alone), and whether it matters now
     * @param {() => number} read @param {(value: number) => void} write
     */
    constructor(label, options, read, write) {
        Object.assign(this, { label, options, read, write });
        this.field = element("input", { type: "number", min: 0, step: options.step,
            "aria-label": label, change: () => this.type() });
        this.refusal = element("span", { class: "pl-refusal", role: "alert", hidden: true });
        this.root = element("label", {}, element("span", {}, label), this.field, this.refusal);
    }

    type() {
        const { most, step } = this.options;
        const value = this.field.value === "" ? NaN : Number(this.field.value);
        const whole = step === 1;
        const fits = value >= 0 && value <= most() && (!whole || Number.isInteger(value));
        refuse(this, fits ? "" : `${this.label} must be a ${whole ? "whole " : ""}number from 0 ` +
            `to ${whole ? count(most()) : most()}.`);
        if (fits) this.write(value);
    }

    show() {
        const value = this.read();
        dress(this.field, { disabled: !this.options.used(), max: this.options.most() });
        if (value !== this.shown) {
            this.field.value = String(value);
            refuse(this, "");
        }
        this.shown = value;
    }
}

/** A button that copies a text and says so. @param {string} label @param {() => string} text */
export function copyButton(label, text) {
    const button = element("button", { type: "button", click: async () => {
        try {
            await navigator.clipboard.writeText(text());
        } catch {
            // Without https there is no clipboard to write to, but a selection can be copied.
            const area = element("textarea", {}, text());
            button.after(area);
            area.select();
            document.execCommand("copy");
            area.remove();
            button.focus();
        }
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = label; }, 1500);
    } }, label);
    return button;
}

/**
 * Follow a pointer from where it is pressed.
 * @param {Element} target @param {(event: PointerEvent) => void} move
 * @param {() => void} [end] called when it is let go
 */
export function drag(target, move, end = () => {}) {
    dress(target, {
        pointerdown: event => {
            if (event.button !== 0) return;
            event.preventDefault();
            target.setPointerCapture(event.pointerId);
            target.focus?.();
            move(event);
        },
        pointermove: event => { if (target.hasPointerCapture(event.pointerId)) move(event); },
        pointerup: end,
        pointercancel: end,
    });
}
