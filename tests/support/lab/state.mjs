// The state of the lab: one for all source addresses, and overrides for single ones.
import { EventEmitter } from 'node:events';
import { isIPv4 } from 'node:net';

const kPlainStates = ['up', 'down', 'hang', 'hang-list', 'auth', 'error', 'html', 'tool-missing', 'tls-expired'];
const kDelayMsMax = 60_000;
const kOverridesMax = 64;
const kUnitsMs = { ms: 1, s: 1000, m: 60_000 };

/** Reads `up`, `slow=700ms`, … into `{text, name, delay_ms}`; throws an Error that says what is wrong. */
export function parseState(text) {
  if (kPlainStates.includes(text)) return { text, name: text, delay_ms: 0 };
  const [name, duration] = String(text).split(/=(.*)/s);
  if (name !== 'slow') throw new Error(`unknown state: ${text} (known: ${kPlainStates.join(' ')} slow=DURATION)`);
  const match = /^(\d{1,6})(ms|s|m)$/.exec(duration ?? '');
  if (!match) throw new Error(`bad duration: ${duration ?? ''} (such as slow=700ms, slow=2s or slow=1m)`);
  const delay_ms = Number(match[1]) * kUnitsMs[match[2]];
  if (delay_ms > kDelayMsMax) throw new Error(`bad duration: ${duration} is longer than ${kDelayMsMax / 1000}s`);
  return { text, name, delay_ms };
}

/** Holds the states and emits `change`, after which whoever acts on them must look again. */
export class StateStore extends EventEmitter {
  #all = parseState('up');
  #overrides = new Map();

  constructor() {
    super();
    this.setMaxListeners(0); // one for each request held back; those are bounded by the connections
  }

  /** The state in force for a source address. */
  get(source) {
    return this.#overrides.get(source) ?? this.#all;
  }

  /** Every state that some source address may meet. */
  inForce() {
    return [this.#all, ...this.#overrides.values()];
  }

  /** `from` null: for all, and forgets the overrides. Otherwise for that address; equal to all = no override. */
  set(text, from) {
    const state = parseState(text);
    if (from === null) {
      this.#all = state;
      this.#overrides.clear();
    } else {
      if (!isIPv4(from)) throw new Error(`from: not an IPv4 address: ${from}`);
      if (state.text === this.#all.text) this.#overrides.delete(from);
      else if (this.#overrides.size >= kOverridesMax && !this.#overrides.has(from)) throw new Error(`from: more than ${kOverridesMax} addresses`);
      else this.#overrides.set(from, state);
    }
    this.emit('change');
  }

  /** What the control API shows. */
  toJSON() {
    const overrides = [...this.#overrides].map(([source, state]) => [source, state.text]);
    return { state: this.#all.text, overrides: Object.fromEntries(overrides) };
  }
}
