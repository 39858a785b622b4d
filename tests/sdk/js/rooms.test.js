// What the official JavaScript SDK sees of chat rooms, in both encodings.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Seat } from './seat.js';
import { startServer } from './server.js';
import { ENCODINGS, User } from './user.js';

const NAMES = ['owner', 'ann', 'bob', 'carl'];

for (const encoding of ENCODINGS) {
  describe(`rooms with ${encoding}`, () => {
    const open = [];
    let server;

    before(async () => {
      server = await startServer();
      await server.create(...NAMES);
    });

    after(async () => {
      open.forEach((user) => user.close());
      await server?.stop();
    });

    const connected = (name) => {
      const user = new User({ server, encoding, token: server.token(name) });
      open.push(user);
      return user.connect();
    };

    const newRoom = async () => {
      const fields = { creator: 'owner', name: 'hall' };
      return String((await server.must('chatroom/create', fields)).chatroom.roomid);
    };

    /** Somebody who is in the room. */
    const member = async (name, room, data) => {
      const user = await connected(name);
      const seat = new Seat(user, room, data);
      const entered = await seat.enter();
      return { user, seat, entered };
    };

    let messages = 0;
    const say = (room, text, more = {}, call = 'chatroom/sendMsg') => {
      const fields = { roomid: room, msgId: `m${(messages += 1)}`, fromAccid: 'owner', msgType: '0', attach: text };
      return server.must(call, { ...fields, ...more });
    };

    const send = (user, room, text, more = {}) =>
      user.rpc('room.send', { room, client_id: text.replaceAll(' ', '-'), element: { type: 'text', text }, ...more });

    it('tells who enters of the room, and the others of who comes and goes', async () => {
      const room = await newRoom();
      const ann = await member('ann', room, { nick: 'Ann' });
      assert.equal(ann.entered.room.name, 'hall');
      assert.deepEqual([ann.entered.member.nick, ann.entered.member.role, ann.entered.online], ['Ann', 'guest', 1]);
      const bob = await member('bob', room);
      assert.equal(bob.entered.online, 2);
      const came = await ann.seat.nextEvent('entered');
      assert.deepEqual([came.member.account, came.online], ['bob', 2]);
      await say(room, 'to both');
      assert.deepEqual([await ann.seat.nextText(), await bob.seat.nextText()], ['to both', 'to both']);
      bob.seat.leave();
      const went = await ann.seat.nextEvent('left');
      assert.deepEqual([went.member.account, went.online], ['bob', 1]);
      await say(room, 'to ann');
      assert.equal(await ann.seat.nextText(), 'to ann');
      assert.equal(bob.seat.told.items.some((it) => it.elements?.[0].text === 'to ann'), false);
    });

    it('brings who comes back what it missed of high priority, once', async () => {
      const room = await newRoom();
      const [ann, bob] = [await member('ann', room), await member('bob', room)];
      bob.seat.leave();
      await ann.seat.nextEvent('left');
      const away = { usual: {}, urgent: { highPriority: 'true' } };
      away['not for later'] = { highPriority: 'true', needHighPriorityMsgResend: 'false' };
      for (const [text, more] of Object.entries(away)) {
        await say(room, text, more);
        assert.equal(await ann.seat.nextText(), text);
      }
      for (const missed of [['urgent'], []]) {
        bob.seat.subscription.subscribe();
        await ann.seat.nextEvent('entered');
        await say(room, 'now');
        for (const text of [...missed, 'now']) assert.equal(await bob.seat.nextText(), text);
        bob.seat.leave();
        await ann.seat.nextEvent('left');
      }
    });

    it('says the same of a room that is closed as of one that there is not', async () => {
      const room = await newRoom();
      await server.must('chatroom/toggleCloseStat', { roomid: room, operator: 'owner', valid: 'false' });
      const ann = await connected('ann');
      for (const name of [room, '999999']) {
        const seat = new Seat(ann, name);
        seat.subscription.subscribe();
        assert.equal(await seat.removed(), 102);
      }
    });

    it('takes out who is kicked, who may come back', async () => {
      const room = await newRoom();
      const [ann, bob] = [await member('ann', room), await member('bob', room)];
      await server.must('chatroom/kickMember', { roomid: room, accid: 'owner', targetAccid: 'bob' });
      assert.equal(await bob.seat.removed(), 2101);
      assert.equal((await ann.seat.nextEvent('member_kicked')).account, 'bob');
      await say(room, 'without bob');
      assert.equal(await ann.seat.nextText(), 'without bob');
      assert.equal(bob.seat.told.items.some((it) => it.type === 'text'), false);
      bob.seat.subscription.subscribe();
      const came = await ann.seat.nextEvent('entered');
      assert.equal(came.member.account, 'bob');
    });

    it('takes everybody out of a room that closes', async () => {
      const room = await newRoom();
      const members = [await member('ann', room), await member('bob', room)];
      await server.must('chatroom/toggleCloseStat', { roomid: room, operator: 'owner', valid: 'false' });
      for (const { seat } of members) {
        assert.equal((await seat.nextEvent('closed')).room, room);
        assert.equal(await seat.removed(), 2100);
      }
    });

    it('refuses what a muted member says, until the mute ends', async () => {
      const room = await newRoom();
      const [ann, bob] = [await member('ann', room), await member('bob', room)];
      const mute = (seconds) => {
        const fields = { roomid: room, operator: 'owner', target: 'ann', muteDuration: String(seconds) };
        return server.must('chatroom/temporaryMute', fields);
      };
      await mute(600);
      const muted = await bob.seat.nextEvent('member_muted');
      assert.deepEqual([muted.account, muted.seconds], ['ann', 600]);
      assert.equal((await send(ann.user, room, 'too loud').catch((error) => error)).code, 1002);
      await mute(0);
      await bob.seat.nextEvent('member_unmuted');
      await send(ann.user, room, 'quiet');
      assert.equal(await bob.seat.nextText(), 'quiet');
      await server.must('chatroom/muteRoom', { roomid: room, operator: 'owner', mute: 'true' });
      await ann.seat.nextEvent('muted');
      assert.equal((await send(ann.user, room, 'again').catch((error) => error)).code, 1002);
    });

    it('brings what is for some members to these only', async () => {
      const room = await newRoom();
      const ann = await member('ann', room, { tags: ['red'], location: { x: 1, y: 1 }, distance: 5 });
      const bob = await member('bob', room, { tags: ['blue'], location: { x: 100, y: 1 }, distance: 5 });
      await say(room, 'to bob', { toAccids: '["bob","carl"]' }, 'chatroom/sendMsgToSomeone');
      await say(room, 'red', { notifyTargetTags: '{"tag":"red"}' });
      await say(room, 'near ann', { locX: '4', locY: '1', locZ: '0' });
      await send(ann.user, room, 'blue', { notifyTargetTags: '{"tag":"blue"}' });
      await send(bob.user, room, 'to ann', { to: ['ann'] });
      await say(room, 'to all');
      const texts = async ({ seat }, count) => {
        const heard = [];
        for (let n = 0; n < count; n += 1) heard.push(await seat.nextText());
        return heard;
      };
      assert.deepEqual(await texts(ann, 4), ['red', 'near ann', 'to ann', 'to all']);
      assert.deepEqual(await texts(bob, 3), ['to bob', 'blue', 'to all']);
      const { messages: history } = await ann.user.rpc('room.history', { room });
      const said = history.map((it) => it.elements[0].text);
      assert.deepEqual(said, ['to all', 'blue', 'near ann', 'red'], 'what is for named members is in no history');
    });
  });
}

describe('a member that is sent more than it takes', () => {
  it('is told how much it missed', async () => {
    const server = await startServer('rooms = { normal_per_s = 1 }');
    await server.create('owner', 'ann');
    const { roomid } = (await server.must('chatroom/create', { creator: 'owner', name: 'hall' })).chatroom;
    const ann = await new User({ server, token: server.token('ann') }).connect();
    const seat = new Seat(ann, roomid);
    await seat.enter();
    const msgList = Array.from({ length: 10 }, (_, n) => ({ msgId: `m${n}`, msgType: 0, attach: `text ${n}` }));
    const fields = { roomid: String(roomid), fromAccid: 'owner', msgList: JSON.stringify(msgList) };
    await server.must('chatroom/batchSendMsg', fields);
    let [heard, missed] = [0, 0];
    while (heard + missed < msgList.length) {
      const it = await seat.next();
      if (it.event === 'skipped') missed += it.missed;
      else heard += 1;
    }
    assert.equal(heard + missed, msgList.length);
    assert.ok(heard > 0 && missed > 0, `${heard} heard, ${missed} missed`);
    ann.close();
    await server.stop();
  });
});
