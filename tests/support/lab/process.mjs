// What every server program of this folder shares: options, the ready line, an orderly end.
import { renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

export const kLoopback = '127.0.0.1';
const kEndWithinMs = 800;

/** Ends the program with one line on stderr; `status` 2 is a wrong command line, 1 anything else. */
export function fail(message, status = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(status);
}

/** Reads the command line; every program also takes `--ready-file FILE` and `--end-with-stdin`. */
export function readOptions(options) {
  const shared = { 'ready-file': { type: 'string' }, 'end-with-stdin': { type: 'boolean' } };
  try {
    return parseArgs({ options: { ...options, ...shared } }).values;
  } catch (error) {
    return fail(error.message, 2);
  }
}

/** A port number out of the option `name`; 0 means any free port. */
export function readPort(values, name) {
  const port = Number(values[name]);
  if (!Number.isInteger(port) || port < 0 || port > 65535) fail(`--${name}: not a port: ${values[name]}`, 2);
  return port;
}

/** Makes `server` listen on loopback, or on another address, and resolves with the port it got. */
export function listenOn(server, port, address = kLoopback) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve(server.address().port);
    });
  });
}

/** Prints the ready line, and puts it into the file of `--ready-file` at once and whole. */
export function announce(facts, ready_file) {
  const line = `${JSON.stringify({ ready: true, ...facts })}\n`;
  if (ready_file) {
    const unfinished = `${ready_file}.${process.pid}`;
    writeFileSync(unfinished, line);
    renameSync(unfinished, ready_file);
  }
  process.stdout.write(line);
}

/** Runs `close` and ends within a second on SIGTERM, SIGINT or, with `--end-with-stdin`, the end of stdin. */
export function endOnSignal(close, values) {
  const end = async () => {
    setTimeout(() => process.exit(0), kEndWithinMs).unref();
    await close();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, end);
  if (values['end-with-stdin']) process.stdin.on('end', end).on('error', end).resume();
}
