// A login without a person: node login.mjs URL prints an access token for an MCP server behind OAuth whose authorization server approves by
// itself, as the SDK's example does. Metadata, registration, code with PKCE, token.
import { createHash, randomBytes } from 'node:crypto';

const kRedirect = 'http://localhost/callback'; // never fetched: the code is in the redirect to it
const [url] = process.argv.slice(2);

async function json(address, options) {
  const answer = await fetch(address, options);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

const walled = await fetch(url, { method: 'POST' });
const [, metadata_url] = walled.headers.get('www-authenticate').match(/resource_metadata="([^"]+)"/);
const resource = await json(metadata_url);
const issuer = await json(new URL('/.well-known/oauth-authorization-server', resource.authorization_servers[0]));
const client = await json(issuer.registration_endpoint, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ client_name: 'test', redirect_uris: [kRedirect], token_endpoint_auth_method: 'none' }),
});
const verifier = randomBytes(32).toString('base64url');
const authorize = new URL(issuer.authorization_endpoint);
authorize.search = new URLSearchParams({
  response_type: 'code', client_id: client.client_id, redirect_uri: kRedirect, resource: resource.resource, scope: 'mcp:tools',
  code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
});
const approved = await fetch(authorize, { redirect: 'manual' });
const code = new URL(approved.headers.get('location')).searchParams.get('code');
const token = await json(issuer.token_endpoint, {
  method: 'POST',
  body: new URLSearchParams({
    grant_type: 'authorization_code', code, client_id: client.client_id, redirect_uri: kRedirect, code_verifier: verifier,
    resource: resource.resource,
  }),
});
process.stdout.write(token.access_token);
