// The TCP side of an endpoint: decides for each connection whether it is served, held, or reset.
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { kLoopback, listenOn } from './process.mjs';

export const kHoldMsMax = 60_000; // longer than any probe waits
const kConnectionsMax = 2048;
const kListenTries = 50; // at most 5 s for a port that another process borrowed while we were down
const kListenRetryMs = 100;

/** One listening port. `servers.serve` is an http or https server, `servers.expired` (TLS alone) one with the expired certificate. */
export class Gate {
  #store;
  #servers;
  #server;
  #sockets = new Map(); // every open socket -> {source, treatment}
  #port = 0;
  #address;

  constructor(store, servers, { tls = false, address = kLoopback } = {}) {
    this.#store = store;
    this.#address = address;
    this.#servers = servers;
    this.#server = createServer({ allowHalfOpen: !tls, noDelay: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = kConnectionsMax;
  }

  /** Listens (port 0: any) and resolves with the port, which the gate keeps from now on. */
  async open(port) {
    this.#port = await listenOn(this.#server, port, this.#address);
    return this.#port;
  }

  /** Puts the store's states into force; resolves when they are. Rejects when the port cannot be taken again. */
  async apply() {
    for (const [socket, { source, treatment }] of this.#sockets) {
      const now = this.#treatment(this.#store.get(source));
      if (now === treatment) continue;
      if (now === 'reset') socket.resetAndDestroy();
      else socket.destroy();
    }
    const wanted = this.#store.inForce().some((state) => this.#treatment(state) !== 'reset');
    if (wanted && !this.#server.listening) await this.#listenAgain();
    if (!wanted && this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Stops listening and cuts every connection. */
  close() {
    this.#server.close();
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  #treatment(state) {
    if (state.name === 'down') return 'reset';
    if (state.name === 'hang') return 'hold';
    if (state.name === 'tls-expired' && this.#servers.expired) return 'expired';
    return 'serve';
  }

  #accept(socket) {
    const source = socket.remoteAddress;
    const treatment = this.#treatment(this.#store.get(source));
    socket.on('error', () => {}); // a client that leaves is no trouble of ours
    if (treatment === 'reset') {
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.set(socket, { source, treatment });
    socket.once('close', () => this.#sockets.delete(socket));
    if (treatment === 'hold') this.#hold(socket);
    else this.#servers[treatment].emit('connection', socket);
  }

  #hold(socket) {
    const timer = setTimeout(() => socket.destroy(), kHoldMsMax);
    socket.once('close', () => clearTimeout(timer));
    socket.once('end', () => socket.destroy());
    socket.resume();
  }

  async #listenAgain() {
    for (let tried = 1; ; ++tried) {
      try {
        await listenOn(this.#server, this.#port, this.#address);
        return;
      } catch (error) {
        if (error.code !== 'EADDRINUSE' || tried === kListenTries) throw error;
        await sleep(kListenRetryMs);
      }
    }
  }
}
