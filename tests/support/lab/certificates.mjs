// A private CA with two certificates for localhost and an address: one that holds, one that has expired.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kLoopback } from './process.mjs';

const kDayMs = 86_400_000;
const kLifeDays = 365;
const kReuseDays = 60; // made anew when less than this is left, so that no probe warns of a certificate that ends soon
const kFiles = ['ca.pem', 'server.key', 'server.pem', 'expired.pem'];

const kConfig = (address) => `
[ca]
default_ca = lab
[lab]
new_certs_dir = .
database = index.txt
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
x509_extensions = server
[policy]
commonName = supplied
[server]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:${address}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[req]
distinguished_name = name
[name]
`;

function utcStamp(ms) {
  return new Date(ms).toISOString().replace(/[-:T]/g, '').replace(/\.\d+/, '');
}

/** The two certificates and their key as PEM; null when one is absent, does not fit, names another address, or ends too soon. */
function readCertificates(dir, address) {
  try {
    const [ca, key, server, expired] = kFiles.map((name) => readFileSync(join(dir, name)));
    const authority = new X509Certificate(ca);
    const fits = [server, expired].map((pem) => new X509Certificate(pem)).every(
      (leaf) => leaf.verify(authority.publicKey) && leaf.checkPrivateKey(createPrivateKey(key)) && leaf.checkIP(address));
    const soon = Date.now() + kReuseDays * kDayMs;
    const lasts = [authority, new X509Certificate(server)].every((leaf) => Date.parse(leaf.validTo) > soon);
    const over = Date.parse(new X509Certificate(expired).validTo) < Date.now();
    return fits && lasts && over ? { ca_file: join(dir, 'ca.pem'), key, server, expired } : null;
  } catch {
    return null;
  }
}

function makeCertificates(dir, address) {
  const work = mkdtempSync(join(dir, 'new-'));
  const openssl = (...args) => execFileSync('openssl', args, { cwd: work, stdio: ['ignore', 'ignore', 'pipe'] });
  const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const now = Date.now();
  const sign = (file, from_ms, until_ms) => openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key',
    '-in', 'server.csr', '-out', file, '-startdate', utcStamp(from_ms), '-enddate', utcStamp(until_ms));
  try {
    writeFileSync(join(work, 'ca.cnf'), kConfig(address));
    writeFileSync(join(work, 'index.txt'), '');
    openssl('req', '-x509', ...p256, '-config', 'ca.cnf', '-extensions', 'authority', '-days', `${kLifeDays}`,
      '-subj', '/CN=Quorate lab CA', '-keyout', 'ca.key', '-out', 'ca.pem');
    openssl('req', '-new', ...p256, '-config', 'ca.cnf', '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr');
    sign('server.pem', now - 60_000, now + kLifeDays * kDayMs);
    sign('expired.pem', now - 30 * kDayMs, now - kDayMs);
    for (const name of kFiles) renameSync(join(work, name), join(dir, name));
  } catch (error) {
    throw new Error(`cannot make certificates with openssl: ${error.stderr || error.message}`);
  } finally {
    rmSync(work, { recursive: true, force: true }); // the CA's key goes too: nothing else is ever signed with it
  }
}

/** The certificates in `dir`, made there when absent or no longer good; throws when `openssl` fails. */
export function loadCertificates(dir, address = kLoopback) {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const found = readCertificates(dir, address);
  if (found) return found;
  makeCertificates(dir, address);
  const made = readCertificates(dir, address);
  if (!made) throw new Error(`the certificates just made in ${dir} do not hold`);
  return made;
}
