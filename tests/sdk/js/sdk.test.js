// What the official JavaScript SDK sees of a server, over every transport and in both encodings.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Proxy } from './proxy.js';
import { startServer } from './server.js';
import { User, WAYS, staticLogin, textOf } from './user.js';

let server;
let accounts = 0;

before(async () => {
  server = await startServer();
});

after(() => server?.stop());

/** New accounts, so that no test sees another's messages. */
async function newAccounts(count) {
  const names = Array.from({ length: count }, () => `user${(accounts += 1)}`);
  await server.create(...names);
  return names;
}

for (const { transport, encoding } of WAYS) {
  describe(`the SDK over ${transport} with ${encoding}`, () => {
    const open = [];

    const user = (account, options = {}) => {
      const made = new User({ server, transport, encoding, token: server.token(account), ...options });
      open.push(made);
      return made;
    };

    after(() => open.forEach((made) => made.close()));

    it('brings a message to all its recipients while they are online', async () => {
      const [sender, ...names] = await newAccounts(4);
      const users = await Promise.all(names.map((name) => user(name).connect()));
      await server.send(sender, names, 'hello');
      for (const it of users) {
        const [entry] = await it.inbox.untilCount(1);
        assert.equal(entry.offset, 1);
        assert.equal(textOf(entry.data), 'hello');
        assert.equal(entry.data.sender.account, sender);
      }
    });

    it('brings a message to every device of an account', async () => {
      const [sender, name] = await newAccounts(2);
      const devices = ['phone', 'tablet', 'web'];
      const users = await Promise.all(devices.map((device) => user(name, { data: { device } }).connect()));
      await server.send(sender, [name], 'to all devices');
      for (const it of users) await it.inbox.untilCount(1);
      assert.deepEqual(users.map((it) => it.texts()), Array(3).fill(['to all devices']));
    });

    it('catches up on what was sent while the wire was cut', async () => {
      const [sender, name] = await newAccounts(2);
      const proxy = await Proxy.start(server);
      const it = await user(name, { server: proxy }).connect();
      for (let round = 0; round < 5; round += 1) {
        await server.send(sender, [name], `live ${round}`);
        const seen = it.events.items.length;
        proxy.cut();
        for (let away = 0; away < 3; away += 1) await server.send(sender, [name], `away ${round}.${away}`);
        await it.next('connected', seen);
      }
      await it.inbox.untilCount(20);
      assert.deepEqual(it.offsets(), Array.from({ length: 20 }, (_, index) => index + 1));
      it.close();
      await proxy.close();
    });

    it('catches up after it left and came back', async () => {
      const [sender, name] = await newAccounts(2);
      const it = await user(name).connect();
      await server.send(sender, [name], 'first');
      await it.inbox.untilCount(1);
      it.client.disconnect();
      await it.next('disconnected');
      await server.send(sender, [name], 'second');
      await it.connect();
      await it.inbox.untilCount(2);
      await server.send(sender, [name], 'third');
      await it.inbox.untilCount(3);
      assert.deepEqual(it.texts(), ['first', 'second', 'third']);
    });

    it('catches up from a saved position after the app was restarted', async () => {
      const [sender, name] = await newAccounts(2);
      const before = await user(name).connect();
      await server.send(sender, [name], 'seen');
      await before.inbox.untilCount(1);
      before.close();
      await server.send(sender, [name], 'missed');
      const saved = JSON.parse(JSON.stringify(before.position));
      const again = await user(name, { data: { inbox: saved } }).connect();
      await again.inbox.untilCount(1);
      await server.send(sender, [name], 'live');
      await again.inbox.untilCount(2);
      assert.deepEqual(again.texts(), ['missed', 'live']);
      assert.deepEqual(again.offsets(), [2, 3]);
    });

    it('gets everything that is kept when it comes without a position', async () => {
      const [sender, name] = await newAccounts(2);
      for (let number = 0; number < 1_000; number += 100) {
        await Promise.all(Array.from({ length: 100 }, () => server.send(sender, [name], 'long ago')));
      }
      const it = await user(name).connect();
      await it.inbox.untilCount(1_000);
      assert.deepEqual(it.offsets(), Array.from({ length: 1_000 }, (_, index) => index + 1));
    });

    it("logs in with the account's static token", async () => {
      const [sender, name] = await newAccounts(2);
      const it = await user(name, { token: `${name}-token`, data: staticLogin(name) }).connect();
      await server.send(sender, [name], 'hello');
      await it.inbox.untilCount(1);
    });

    it('renews its token in time and stays connected', async () => {
      const [sender, name] = await newAccounts(2);
      let asked;
      const renewed = new Promise((resolve) => (asked = resolve));
      const getToken = async () => {
        asked();
        return server.token(name);
      };
      const it = await user(name, { token: server.token(name, { expiresIn: 2 }), getToken }).connect();
      await renewed;
      await server.send(sender, [name], 'after the renewal');
      await it.inbox.untilCount(1);
      assert.equal(it.count('connecting'), 1);
    });

    it('asks for a token when it comes with an expired one', async () => {
      const [name] = await newAccounts(1);
      let calls = 0;
      const getToken = async () => {
        calls += 1;
        return server.token(name);
      };
      await user(name, { token: server.token(name, { expiresIn: -60 }), getToken }).connect();
      assert.equal(calls, 1);
    });

    it('is told that its token expired', async () => {
      const [name] = await newAccounts(1);
      const it = user(name, { token: server.token(name, { expiresIn: -60 }) });
      it.client.connect();
      const refused = await it.next('error');
      assert.equal(refused.error.code, 109);
      it.close();
    });

    it('does not come again with a token that is no token', async () => {
      const [name] = await newAccounts(1);
      for (const token of ['nonsense', server.token(name, { secret: 'another-secret-of-at-least-32-bytes' })]) {
        const it = user(name, { token });
        it.client.connect();
        assert.equal((await it.next('disconnected')).code, 3500);
      }
    });

    it('does not come again when the account is unknown', async () => {
      const it = user('nobody-knows-me');
      it.client.connect();
      assert.equal((await it.next('disconnected')).code, 3500);
    });

    it('is disconnected for good when its account is blocked', async () => {
      const [name] = await newAccounts(1);
      const it = await user(name).connect();
      await server.must('user/block', { accid: name, needkick: 'true' });
      const { code, reason } = await it.next('disconnected');
      assert.ok(code >= 4500 && code < 5000, `code ${code}`);
      assert.notEqual(reason, '');
    });

    it('is told what the app says to whom it blocks, before it is disconnected', async () => {
      const [name] = await newAccounts(1);
      const it = await user(name).connect();
      await server.must('user/block', { accid: name, needkick: 'true', kickNotifyExt: '{"why":"spam"}' });
      assert.equal((await it.next('disconnected')).code, 4500);
      const [told, end] = it.events.items.slice(-2);
      assert.deepEqual([told.event, end.event], ['message', 'disconnected']);
      assert.deepEqual(it.codec.decode(told.data), { type: 'blocked', ext: '{"why":"spam"}' });
    });

    it('ends with the token that it logged in with', async () => {
      const [sender, name] = await newAccounts(2);
      const old = await user(name, { token: `${name}-token`, data: staticLogin(name) }).connect();
      const signed = await user(name, { data: { device: 'signed' } }).connect();
      await server.must('user/refreshToken', { accid: name });
      const { code } = await old.next('disconnected');
      assert.ok(code >= 3500 && code < 4000 || code >= 4500 && code < 5000, `code ${code}`);
      await server.send(sender, [name], 'who is still there?');
      await signed.inbox.untilCount(1);
      assert.equal(signed.count('connecting'), 1);
    });

    it('makes room for itself when its device connects again, and the older one stays away', async () => {
      const [sender, name] = await newAccounts(2);
      const data = { device: 'phone', platform: 'ios' };
      const old = await user(name, { data }).connect();
      const other = await user(name, { data: { device: 'web', platform: 'web' } }).connect();
      await server.send(sender, [name], 'first');
      await Promise.all([old, other].map((it) => it.inbox.untilCount(1)));
      const back = await user(name, { data: { ...data, inbox: old.position } }).connect();
      const { code, reason } = await old.next('disconnected');
      assert.deepEqual({ code, reason }, { code: 4503, reason: 'device connected again' });
      await server.send(sender, [name], 'second');
      await back.inbox.untilCount(1);
      await other.inbox.untilCount(2);
      assert.deepEqual([old.texts(), back.texts(), other.texts()], [['first'], ['second'], ['first', 'second']]);
      assert.deepEqual([old, back, other].map((it) => it.count('connecting')), [1, 1, 1]);
    });

    it('learns that there are no rooms yet', async () => {
      const [name] = await newAccounts(1);
      const it = await user(name).connect();
      const room = it.client.newSubscription('room:1');
      const refused = new Promise((resolve) => room.on('unsubscribed', resolve));
      room.subscribe();
      assert.equal((await refused).code, 102);
      assert.equal(it.count('connecting'), 1);
    });

    it('learns that a method does not exist', async () => {
      const [name] = await newAccounts(1);
      const it = await user(name).connect();
      const refused = await it.rpc('no.such.method', {}).catch((error) => error);
      assert.equal(refused.code, 104);
    });

    it('gets the original of a message', async () => {
      const [sender, name] = await newAccounts(2);
      const it = await user(name).connect();
      await server.send(sender, [name], 'as it came');
      const [{ data }] = await it.inbox.untilCount(1);
      const answer = await it.rpc('message.original', { id: data.id });
      assert.ok(JSON.stringify(answer).includes('as it came'), JSON.stringify(answer));
    });

    it('sends to another account, once for each client_id', async () => {
      const [sender, name] = await newAccounts(2);
      const [from, to] = await Promise.all([user(sender).connect(), user(name).connect()]);
      const message = { to: name, client_id: 'c1', element: { type: 'text', text: 'from the app' } };
      const answer = await from.rpc('message.send', message);
      assert.deepEqual(await from.rpc('message.send', message), answer);
      await server.send(sender, [name], 'the next one');
      const entries = await to.inbox.untilCount(2);
      assert.deepEqual(entries.map(({ data }) => textOf(data)), ['from the app', 'the next one']);
      const [{ data: own }] = await from.inbox.untilCount(1);
      assert.deepEqual([own.id, own.client_id, own.conversation], [answer.id, 'c1', name]);
      const refused = await from.rpc('message.send', { ...message, to: 'nobody-here', client_id: 'c2' }).catch((error) => error);
      assert.equal(refused.code, 1001);
    });

    it('reads, lists and pages its conversations', async () => {
      const [name, other] = await newAccounts(2);
      const [from, to] = await Promise.all([user(name).connect(), user(other).connect()]);
      const send = (text) =>
        from.rpc('message.send', { to: other, client_id: text, element: { type: 'text', text } });
      const [first] = [await send('one'), await send('two')];
      const [, { data: second }] = await to.inbox.untilCount(2);
      const list = async () => (await to.rpc('conversation.list', {})).conversations;
      const [unread] = await list();
      assert.deepEqual([unread.with, unread.last.id, unread.unread], [name, second.id, 2]);

      await to.rpc('conversation.read', { with: name, through: second.id });
      const [, , { data: read }] = await from.inbox.untilCount(3);
      assert.deepEqual([read.type, read.sender.account, read.elements[0].client_id], ['read', other, 'two']);
      assert.equal((await list())[0].unread, 0);

      const history = async (request) => (await from.rpc('conversation.history', request)).messages.map(textOf);
      assert.deepEqual(await history({ with: other, limit: 1 }), ['two']);
      assert.deepEqual(await history({ with: other, after: first.id }), ['two']);
      assert.deepEqual(await history({ with: other }), ['two', 'one']);
    });

    it('takes a message back, and who was away finds a tombstone', async () => {
      const [name, other] = await newAccounts(2);
      const from = await user(name).connect();
      const element = { type: 'text', text: 'oops' };
      const { id } = await from.rpc('message.send', { to: other, client_id: 'c1', element });
      await from.rpc('message.recall', { id, note: 'never mind' });
      const to = await user(other).connect();
      const [{ data: tombstone }, { data: recall }] = await to.inbox.untilCount(2);
      assert.deepEqual([tombstone.type, tombstone.client_id, tombstone.elements], ['withdrawn', 'c1', []]);
      assert.deepEqual([recall.type, recall.elements[0].note], ['recall', 'never mind']);
      assert.equal(recall.elements[0].message, tombstone.id);
    });

    it('goes on where its device acknowledged', async () => {
      const [sender, name] = await newAccounts(2);
      const data = { device: 'phone' };
      const it = await user(name, { data }).connect();
      await Promise.all(['one', 'two'].map((text) => server.send(sender, [name], text)));
      const [{ offset }] = await it.inbox.untilCount(2);
      await it.rpc('inbox.ack', { offset });
      const again = await user(name, { data }).connect();
      await server.send(sender, [name], 'three');
      const entries = await again.inbox.untilCount(2);
      assert.deepEqual(entries.map((entry) => entry.offset), [2, 3]);
    });

    it('shows its profile to others, and sees who of them is online', async () => {
      const [name, other, away] = await newAccounts(3);
      const it = await user(name, { data: { platform: 'web' } }).connect();
      const friend = await user(other).connect();
      await it.rpc('profile.set', { nick: 'Ann', mobile: '+1' });
      const { profiles } = await friend.rpc('profiles.get', { accounts: [name, 'nobody-here'] });
      assert.deepEqual(profiles, [{ account: name, nick: 'Ann' }]);
      const { accounts } = await friend.rpc('presence.get', { accounts: [name, away] });
      assert.deepEqual(accounts, [
        { account: name, online: true, platforms: ['web'] },
        { account: away, online: false },
      ]);
      const tooMany = { accounts: Array(201).fill(away) };
      assert.equal((await friend.rpc('presence.get', tooMany).catch((error) => error)).code, 106);
      const own = await it.rpc('profile.set', { nick: 'Anna' });
      assert.deepEqual(own, { account: name, nick: 'Anna', mobile: '+1' });
      assert.deepEqual(await it.rpc('profile.get', {}), own);
    });

    it('keeps a blocklist and a mute list', async () => {
      const [name, blocked, muted] = await newAccounts(3);
      const it = await user(name).connect();
      for (const list of ['blocklist', 'mutelist']) {
        for (const account of [blocked, muted]) assert.deepEqual(await it.rpc(`${list}.add`, { account }), {});
      }
      await it.rpc('blocklist.remove', { account: muted });
      await it.rpc('mutelist.remove', { account: blocked });
      assert.deepEqual(await it.rpc('blocklist.get', {}), { accounts: [blocked] });
      assert.deepEqual(await it.rpc('mutelist.get', {}), { accounts: [muted] });
      const unknown = await it.rpc('blocklist.add', { account: 'nobody-here' }).catch((error) => error);
      assert.equal(unknown.code, 1001);
      await server.send(blocked, [name], 'unwanted');
      await server.send(muted, [name], 'wanted');
      const [{ data }] = await it.inbox.untilCount(1);
      assert.equal(textOf(data), 'wanted');
    });

    it('is not to be disturbed on any device, until it says otherwise', async () => {
      const [name] = await newAccounts(1);
      const phone = await user(name, { data: { device: 'phone' } }).connect();
      const desk = await user(name, { data: { device: 'desk' } }).connect();
      assert.deepEqual(await desk.rpc('do_not_disturb.get', {}), { on: false });
      for (const on of [true, false]) {
        assert.deepEqual(await phone.rpc('do_not_disturb.set', { on }), { on });
        assert.deepEqual(await desk.rpc('do_not_disturb.get', {}), { on });
      }
      const refused = await phone.rpc('do_not_disturb.set', { on: 'yes' }).catch((error) => error);
      assert.equal(refused.code, 107);
    });

    it('reads the history of its inbox in pages', async () => {
      const [sender, name] = await newAccounts(2);
      const it = await user(name).connect();
      for (const text of ['one', 'two', 'three']) await server.send(sender, [name], text);
      const texts = ({ publications }) => publications.map(({ data }) => textOf(data));
      const first = await it.history({ limit: 2 });
      assert.deepEqual(texts(first), ['one', 'two']);
      assert.equal(first.offset, 3);
      const second = await it.history({ limit: 2, since: { offset: 2, epoch: first.epoch } });
      assert.deepEqual(texts(second), ['three']);
      const newest = await it.history({ limit: 2, reverse: true });
      assert.deepEqual(texts(newest), ['three', 'two']);
    });

    it('counts the devices of its account', async () => {
      const [name] = await newAccounts(1);
      const it = await user(name, { data: { device: 'a' } }).connect();
      await user(name, { data: { device: 'b' } }).connect();
      const { numClients, numUsers } = await it.client.presenceStats('inbox');
      assert.deepEqual({ numClients, numUsers }, { numClients: 2, numUsers: 1 });
    });

    it('sees the offsets rise while many callers send', async () => {
      const [sender, ...names] = await newAccounts(6);
      const users = await Promise.all(names.map((name) => user(name).connect()));
      const calls = Array.from({ length: 20 }, (_, number) => server.send(sender, names, `call ${number}`));
      await Promise.all(calls);
      for (const it of users) {
        await it.inbox.untilCount(20);
        assert.deepEqual(it.offsets(), Array.from({ length: 20 }, (_, index) => index + 1));
        assert.equal(new Set(it.texts()).size, 20);
      }
    });
  });
}

describe('the SDK with a list of transports', () => {
  it('falls back to a stream where WebSocket does not get through', async () => {
    const [sender, name] = await newAccounts(2);
    const endpoints = [
      // As a proxy does that knows no WebSocket: it answers, but it does not upgrade.
      { transport: 'websocket', endpoint: `${server.url.replace('http', 'ws')}/healthz` },
      { transport: 'http_stream', endpoint: `${server.url}/connection/http_stream` },
      { transport: 'sse', endpoint: `${server.url}/connection/sse` },
    ];
    const it = await new User({ server, endpoints, token: server.token(name) }).connect();
    assert.equal((await it.next('connected')).transport, 'http_stream');
    await server.send(sender, [name], 'hello');
    await it.inbox.untilCount(1);
    it.close();
  });
});
