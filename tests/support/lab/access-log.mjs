// One JSON line for every request, written before the first byte of its answer.
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const kBytesMax = 16 * 1024 * 1024;

/** Appends to `file`; past 16 MiB that becomes `file.1` (replacing an older one). Without a file it writes nothing. */
export class AccessLog {
  #file;
  #fd = null;
  #bytes = 0;

  constructor(file) {
    this.#file = file;
    if (file) this.#open();
  }

  #open() {
    this.#fd = openSync(this.#file, 'a');
    this.#bytes = fstatSync(this.#fd).size;
  }

  /** `status` null: no answer was given. */
  write({ endpoint, source, http_method = null, rpc_method = null, status = null, state }) {
    if (this.#fd === null) return;
    const entry = { time: new Date().toISOString(), endpoint, source, http_method, rpc_method, status, state };
    this.#bytes += writeSync(this.#fd, `${JSON.stringify(entry)}\n`);
    if (this.#bytes < kBytesMax) return;
    closeSync(this.#fd);
    renameSync(this.#file, `${this.#file}.1`);
    this.#open();
  }
}
