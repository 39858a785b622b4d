// Catch-up under load with the JavaScript SDK, over every transport: while 8 callers send batches, clients are cut at random moments. Each must
// see every offset of its inbox once, rising, and at the end as many as were sent to it.
//
// CHURN_CUTS: how many cuts; CHURN_SEED: what chance starts from (printed; interleaving still differs from run to run);
// CHURN_LIMIT_S: the time that all may take. A breach of the promise ends with 1 and says which.

import { randomUUID } from 'node:crypto';

import { Proxy } from '../js/proxy.js';
import { startServer } from '../js/server.js';
import { User, WAYS, textOf } from '../js/user.js';
import { deadline } from '../js/wait.js';

const CUTS = Number(process.env.CHURN_CUTS ?? 500);
const SEED = Number(process.env.CHURN_SEED ?? Math.floor(Math.random() * 2 ** 32));
const LIMIT_S = Number(process.env.CHURN_LIMIT_S ?? 900);
const ACCOUNTS = 24;
const CALLERS = 8;
const KINDS = ['wire', 'bytes', 'leave', 'restart'];

/** Mulberry32: small, and the same everywhere. */
function chanceFrom(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** What came into one inbox, over all the clients that its account had one after the other. */
class Inbox {
  last = 0;
  texts = new Set();
  #waiters = [];

  constructor(account, broken) {
    this.account = account;
    this.broken = broken;
  }

  push({ offset, data }) {
    const text = textOf(data);
    if (offset !== this.last + 1) this.broken(`${this.account}: offset ${offset} after ${this.last}`);
    if (this.texts.has(text)) this.broken(`${this.account}: "${text}" came twice, at last as offset ${offset}`);
    this.texts.add(text);
    this.last = offset;
    this.#waiters = this.#waiters.filter(({ count, resolve }) => this.last < count || resolve());
  }

  until(count) {
    if (this.last >= count) return Promise.resolve();
    const reached = new Promise((resolve) => this.#waiters.push({ count, resolve }));
    return deadline(reached, `${this.account} has ${count} entries`, () => `it has ${this.last}`, 60_000);
  }
}

class Run {
  chance = chanceFrom(SEED);
  cutsLeft = CUTS;
  cuts = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
  sending = true;
  calls = 0;
  sent = new Map();

  constructor(server) {
    this.server = server;
    this.names = Array.from({ length: ACCOUNTS }, (_, number) => `churn${number}`);
    for (const name of this.names) this.sent.set(name, 0);
    // What breaks the promise ends the run, wherever it is noticed.
    this.breach = new Promise((_, reject) => (this.broken = (text) => reject(new Error(text))));
    this.breach.catch(() => {});
  }

  async caller(number) {
    for (let call = 0; this.sending; call += 1) {
      const to = this.names.filter(() => this.chance(3) === 0);
      if (to.length === 0) continue;
      const headers = { RequestId: randomUUID() };
      const text = `${number}/${call}`;
      const first = await this.server.send('sender', to, text, headers);
      for (const name of to) this.sent.set(name, this.sent.get(name) + 1);
      this.calls += 1;
      if (this.chance(10) > 0) continue;
      const again = await this.server.send('sender', to, text, headers);
      if (again.timetag !== first.timetag) this.broken(`a repeated RequestId was sent again: ${text}`);
    }
  }

  /** One account's device, which is cut again and again until the cuts are used up; then it stays. */
  async device(name, way) {
    const proxy = await Proxy.start(this.server);
    const inbox = new Inbox(name, this.broken);
    const open = (data) => {
      const user = new User({ server: proxy, ...way, token: this.server.token(name), data, name: 'churn' });
      user.inbox = inbox;
      user.client.on('disconnected', ({ code, reason }) => code > 0 && this.broken(`${name} was turned away: ${code} ${reason}`));
      return user;
    };
    let user = await open({ device: name }).connect();
    while (this.cutsLeft > 0) {
      this.cutsLeft -= 1;
      const kind = KINDS[this.chance(KINDS.length)];
      const seen = user.events.items.length;
      if (kind === 'wire') proxy.cut();
      if (kind === 'bytes') await proxy.cutAfter(1 + this.chance(5_000));
      if (kind === 'leave') {
        user.client.disconnect();
        user.client.connect();
      }
      if (kind === 'restart') {
        user.close();
        user = open({ device: name, inbox: user.position });
        user.client.connect();
      }
      this.cuts[kind] += 1;
      // One in four is cut again before it is back.
      if (this.chance(4) > 0) {
        await user.next('connected', kind === 'restart' ? 0 : seen);
        await inbox.until(inbox.last + this.chance(6));
      }
    }
    return { user, inbox, proxy };
  }

  async all() {
    await this.server.create('sender', ...this.names);
    const callers = Array.from({ length: CALLERS }, (_, number) => this.caller(number));
    const devices = await Promise.all(this.names.map((name, number) => this.device(name, WAYS[number % WAYS.length])));
    this.sending = false;
    await Promise.all(callers);
    for (const { inbox } of devices) await inbox.until(this.sent.get(inbox.account));
    // A copy too many would come before the answer to a question that is asked now.
    for (const { user } of devices) await user.client.presenceStats('inbox');
    for (const { inbox } of devices) {
      const sent = this.sent.get(inbox.account);
      if (inbox.last !== sent) this.broken(`${inbox.account}: ${sent} were sent, ${inbox.last} came`);
    }
    for (const { user, proxy } of devices) {
      user.close();
      await proxy.close();
    }
  }
}

console.log(`churn with the JavaScript SDK: ${CUTS} cuts, CHURN_SEED=${SEED}`);
const server = await startServer();
const run = new Run(server);
try {
  await deadline(Promise.race([run.all(), run.breach]), 'all is done', () => JSON.stringify(run.cuts), LIMIT_S * 1_000);
  await Promise.race([run.breach, Promise.resolve()]);
  await server.stop();
  const copies = [...run.sent.values()].reduce((sum, count) => sum + count, 0);
  console.log(`ok: ${JSON.stringify(run.cuts)}, ${run.calls} calls, ${copies} copies, each once and in order`);
} catch (error) {
  console.error(`FAILED (CHURN_SEED=${SEED}): ${error.stack}\nthe server's last lines:\n${server.log.slice(-20).join('\n')}`);
  server.child.kill('SIGKILL');
  process.exit(1);
}
