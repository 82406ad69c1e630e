// The lab server: three MCP endpoints made with the official SDKs, which break on request.
import http from 'node:http';
import https from 'node:https';
import { isIPv4 } from 'node:net';
import { AccessLog } from './access-log.mjs';
import { loadCertificates } from './certificates.mjs';
import { makeControl } from './control.mjs';
import { Gate } from './gate.mjs';
import { makeLegacy, makeModern } from './mcp.mjs';
import { announce, endOnSignal, fail, kLoopback, listenOn, readOptions, readPort } from './process.mjs';
import { makeListener } from './requests.mjs';
import { StateStore } from './state.mjs';

const kIdleMsMax = 120_000;
const port = { type: 'string', default: '0' };

const values = readOptions({
  'legacy-port': port, 'modern-port': port, 'tls-port': port, 'control-port': port,
  dir: { type: 'string' }, 'access-log': { type: 'string' }, address: { type: 'string', default: kLoopback },
});
if (!values.dir) fail('--dir DIR is needed: where the certificates go', 2);
if (!isIPv4(values.address)) fail(`--address: not an IPv4 address: ${values.address}`, 2);

async function openPort(name, server) {
  const wanted = readPort(values, name);
  try {
    return await (server instanceof Gate ? server.open(wanted) : listenOn(server, wanted));
  } catch (error) {
    return fail(`--${name} ${wanted}: ${error.code === 'EADDRINUSE' ? 'port in use' : error.message}`);
  }
}

async function main() {
  const certificates = loadCertificates(values.dir, values.address);
  const { address } = values;
  const store = new StateStore();
  const log = new AccessLog(values['access-log']);
  const origins = {};

  const listener = (endpoint, mcp) => makeListener({ endpoint, store, mcp, log, origin: () => origins[endpoint] });
  const bounded = (server) => Object.assign(server, { timeout: kIdleMsMax });
  const secure = (cert, on_request) => bounded(
    https.createServer({ key: certificates.key, cert, handshakeTimeout: 10_000 }, on_request).on('tlsClientError', () => {}));

  const on_tls_request = listener('lab-tls', makeModern('lab-tls', 'stateless'));
  const legacy = new Gate(store, { serve: bounded(http.createServer(listener('lab-legacy', makeLegacy()))) }, { address });
  const modern = new Gate(store, { serve: bounded(http.createServer(listener('lab-modern', makeModern('lab-modern', 'reject')))) }, { address });
  const tls = new Gate(store, {
    serve: secure(certificates.server, on_tls_request), expired: secure(certificates.expired, on_tls_request),
  }, { tls: true, address });
  const gates = [legacy, modern, tls];
  const control = makeControl(store, gates);

  origins['lab-legacy'] = `http://${address}:${await openPort('legacy-port', legacy)}`;
  origins['lab-modern'] = `http://${address}:${await openPort('modern-port', modern)}`;
  origins['lab-tls'] = `https://${address === kLoopback ? 'localhost' : address}:${await openPort('tls-port', tls)}`;
  const control_port = await openPort('control-port', control);

  endOnSignal(() => {
    gates.forEach((gate) => gate.close());
    control.closeAllConnections();
  }, values);
  announce({
    legacy: `${origins['lab-legacy']}/mcp`, modern: `${origins['lab-modern']}/mcp`, tls: `${origins['lab-tls']}/mcp`,
    ca_file: certificates.ca_file, control: `http://127.0.0.1:${control_port}`,
  }, values['ready-file']);
}

main().catch((error) => fail(error.message));
