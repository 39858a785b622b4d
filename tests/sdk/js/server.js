// A server of a test: `carillon serve` as a process of its own, on a free port, with a data directory that goes with it.
//
// Also its app's backend: signed calls as the vendor documents them, and tokens as an app's own backend mints them.

import { spawn } from 'node:child_process';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

import { deadline } from './wait.js';

const KEY = 'shop-key';
const SECRET = 'shop-secret';
export const APP = 'shop';
export const TOKEN_SECRET = 'the-secret-of-the-sdk-tests-0123456789';

/** `limits` is a line of the app's configuration. */
const config = (limits) => `
[[apps]]
name = "${APP}"
token_secret = "${TOKEN_SECRET}"
netease = { app_key = "${KEY}", app_secret = "${SECRET}" }
${limits}
create_unknown_accounts = false
`;

/** Starts a server, whose app has other limits than none where these are given, and waits until it listens. */
export async function startServer(limits = 'limits = "unlimited"') {
  const binary = process.env.CARILLON_BIN;
  if (!binary) throw new Error('CARILLON_BIN must name the server to test');
  const dir = await mkdtemp(path.join(os.tmpdir(), 'carillon-js-'));
  const [file, data] = [path.join(dir, 'carillon.toml'), path.join(dir, 'data')];
  await writeFile(file, config(limits), { mode: 0o600 });
  const args = ['serve', '--config', file, '--data', data, '--listen', '127.0.0.1:0'];
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const server = new Server(child, dir);
  await deadline(server.listens(), 'the server listens', () => server.log.join('\n'));
  server.url = JSON.parse(await readFile(path.join(data, 'server.json'), 'utf8')).url;
  return server;
}

class Server {
  url = '';
  /** The last lines of its log, for a failure. */
  log = [];
  agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

  constructor(child, dir) {
    this.child = child;
    this.dir = dir;
    this.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  }

  listens() {
    const lines = readline.createInterface({ input: this.child.stderr });
    return new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        this.log.push(line);
        if (this.log.length > 200) this.log.shift();
        if (line.includes('listening on')) resolve();
      });
      this.child.once('error', reject);
      this.ended.then((code) => reject(new Error(`the server ended (${code}):\n${this.log.join('\n')}`)));
    });
  }

  /** Stops it as an operator would, and removes its data. */
  async stop() {
    this.child.kill('SIGTERM');
    const code = await deadline(this.ended, 'the server stops', () => this.log.join('\n'));
    this.agent.destroy();
    await rm(this.dir, { recursive: true, force: true });
    if (code !== 0) throw new Error(`the server ended with ${code}:\n${this.log.join('\n')}`);
  }

  /** Calls `msg/sendBatchMsg` and the like, and returns the answer. */
  async call(name, fields, headers = {}) {
    const nonce = randomUUID();
    const time = String(Math.floor(Date.now() / 1000));
    const sum = createHash('sha1').update(SECRET + nonce + time).digest('hex');
    const text = await this.post(`/nimserver/${name}.action`, new URLSearchParams(fields).toString(), {
      AppKey: KEY,
      Nonce: nonce,
      CurTime: time,
      CheckSum: sum,
      'Content-Type': 'application/x-www-form-urlencoded;charset=utf-8',
      ...headers,
    });
    return JSON.parse(text);
  }

  post(target, body, headers) {
    const options = { method: 'POST', agent: this.agent, headers: { ...headers, 'Content-Length': Buffer.byteLength(body) } };
    return new Promise((resolve, reject) => {
      const request = http.request(this.url + target, options, async (response) => {
        let text = '';
        response.setEncoding('utf8').on('error', reject);
        for await (const part of response) text += part;
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${target} answered ${response.statusCode}: ${text}`));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  /** As `call`, but the answer must be a success. */
  async must(name, fields, headers) {
    const answer = await this.call(name, fields, headers);
    if (answer.code !== 200) throw new Error(`${name} answered ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Creates accounts; the static token of each is its name with `-token`. */
  async create(...accounts) {
    for (const accid of accounts) await this.must('user/create', { accid, name: accid, token: `${accid}-token` });
  }

  /** Sends a text to accounts. */
  send(from, to, text, headers) {
    const body = JSON.stringify({ msg: text });
    return this.must('msg/sendBatchMsg', { fromAccid: from, toAccids: JSON.stringify(to), type: '0', body }, headers);
  }

  /** A token for a user of the app, as its backend mints it. */
  token(account, { expiresIn = 3600, secret = TOKEN_SECRET } = {}) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { sub: account, iss: APP, exp: Math.floor(Date.now() / 1000) + expiresIn };
    const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
    return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
  }
}
