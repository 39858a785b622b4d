"""What the official Python SDK sees of chat rooms, in both encodings."""

import json
import unittest

from centrifuge import ReplyError

from seat import Seat
from server import Server
from user import User


class Shared:
    """The tests, for one encoding. Each has a server of its own, since each has an event loop of its own."""

    encoding = ""

    async def asyncSetUp(self):
        self.open = []
        self.messages = 0
        self.server = await Server.start()
        await self.server.create("owner", "ann", "bob", "carl")
        self.room = str((await self.server.must("chatroom/create", {"creator": "owner", "name": "hall"}))["chatroom"]["roomid"])

    async def asyncTearDown(self):
        for user in self.open:
            await user.close()
        await self.server.stop()

    async def member(self, name, data=None):
        """Somebody who is in the room, its seat, and what it was told on entering."""
        user = User(self.server.url, encoding=self.encoding, token=self.server.token(name))
        self.open.append(user)
        await user.connect()
        seat = Seat(user, self.room, data)
        return user, seat, await seat.enter()

    async def say(self, text, call="chatroom/sendMsg", **more):
        self.messages += 1
        fields = {"roomid": self.room, "msgId": f"m{self.messages}", "fromAccid": "owner", "msgType": "0", "attach": text}
        await self.server.must(call, {**fields, **more})

    async def send(self, user, text, **more):
        element = {"type": "text", "text": text}
        await user.rpc("room.send", {"room": self.room, "client_id": text.replace(" ", "-"), "element": element, **more})

    async def is_muted(self, user, text):
        with self.assertRaises(ReplyError) as refused:
            await self.send(user, text)
        self.assertEqual(refused.exception.code, 1002)

    async def test_who_enters_is_told_of_the_room_and_the_others_of_who_comes_and_goes(self):
        _, ann, entered = await self.member("ann", {"nick": "Ann"})
        self.assertEqual((entered["room"]["name"], entered["member"]["nick"], entered["online"]), ("hall", "Ann", 1))
        _, bob, entered = await self.member("bob")
        self.assertEqual(entered["online"], 2)
        came = await ann.next_event("entered")
        self.assertEqual((came["member"]["account"], came["online"]), ("bob", 2))
        await self.say("to both")
        self.assertEqual([await ann.next_text(), await bob.next_text()], ["to both", "to both"])
        await bob.subscription.unsubscribe()
        went = await ann.next_event("left")
        self.assertEqual((went["member"]["account"], went["online"]), ("bob", 1))

    async def test_who_comes_back_gets_what_it_missed_of_high_priority_once(self):
        _, ann, _ = await self.member("ann")
        _, bob, _ = await self.member("bob")
        await bob.subscription.unsubscribe()
        await ann.next_event("left")
        high = {"highPriority": "true"}
        away = {"usual": {}, "urgent": high, "not for later": {**high, "needHighPriorityMsgResend": "false"}}
        for text, more in away.items():
            await self.say(text, **more)
            self.assertEqual(await ann.next_text(), text)
        for missed in (["urgent"], []):
            await bob.subscription.subscribe()
            await ann.next_event("entered")
            await self.say("now")
            self.assertEqual([await bob.next_text() for _ in [*missed, "now"]], [*missed, "now"])
            await bob.subscription.unsubscribe()
            await ann.next_event("left")

    async def test_who_is_kicked_has_to_go_and_the_others_are_told(self):
        _, ann, _ = await self.member("ann")
        _, bob, _ = await self.member("bob")
        await self.server.must("chatroom/kickMember", {"roomid": self.room, "accid": "owner", "targetAccid": "bob"})
        self.assertEqual(await bob.removed(), 2101)
        self.assertEqual((await ann.next_event("member_kicked"))["account"], "bob")
        await self.say("without bob")
        self.assertEqual(await ann.next_text(), "without bob")
        self.assertNotIn("text", [told["type"] for told in bob.told.items])

    async def test_everybody_has_to_leave_a_room_that_closes(self):
        seats = [(await self.member(name))[1] for name in ("ann", "bob")]
        await self.server.must("chatroom/toggleCloseStat", {"roomid": self.room, "operator": "owner", "valid": "false"})
        for seat in seats:
            await seat.next_event("closed")
            self.assertEqual(await seat.removed(), 2100)
        # As of a room that there is not.
        user = self.open[0]
        user.client.remove_subscription(seats[0].subscription)
        for room in (self.room, "999999"):
            seat = Seat(user, room)
            await seat.subscription.subscribe()
            self.assertEqual(await seat.removed(), 102)

    async def test_a_muted_member_is_refused_until_the_mute_ends(self):
        ann, _, _ = await self.member("ann")
        _, bob, _ = await self.member("bob")
        mute = {"roomid": self.room, "operator": "owner", "target": "ann"}
        await self.server.must("chatroom/temporaryMute", {**mute, "muteDuration": "600"})
        muted = await bob.next_event("member_muted")
        self.assertEqual((muted["account"], muted["seconds"]), ("ann", 600))
        await self.is_muted(ann, "too loud")
        await self.server.must("chatroom/temporaryMute", {**mute, "muteDuration": "0"})
        await bob.next_event("member_unmuted")
        await self.send(ann, "quiet")
        self.assertEqual(await bob.next_text(), "quiet")
        await self.server.must("chatroom/muteRoom", {"roomid": self.room, "operator": "owner", "mute": "true"})
        await bob.next_event("muted")
        await self.is_muted(ann, "again")

    async def test_what_is_for_some_members_reaches_these_only(self):
        of_ann = {"tags": ["red"], "location": {"x": 1, "y": 1}, "distance": 5}
        of_bob = {"tags": ["blue"], "location": {"x": 100, "y": 1}, "distance": 5}
        ann, seat_of_ann, _ = await self.member("ann", of_ann)
        bob, seat_of_bob, _ = await self.member("bob", of_bob)
        await self.say("to bob", "chatroom/sendMsgToSomeone", toAccids='["bob","carl"]')
        await self.say("red", notifyTargetTags='{"tag":"red"}')
        await self.say("near ann", locX="4", locY="1", locZ="0")
        await self.send(ann, "blue", notifyTargetTags='{"tag":"blue"}')
        await self.send(bob, "to ann", to=["ann"])
        await self.say("to all")
        self.assertEqual([await seat_of_ann.next_text() for _ in range(4)], ["red", "near ann", "to ann", "to all"])
        self.assertEqual([await seat_of_bob.next_text() for _ in range(3)], ["to bob", "blue", "to all"])
        history = (await ann.rpc("room.history", {"room": self.room}))["messages"]
        said = [message["elements"][0]["text"] for message in history]
        self.assertEqual(said, ["to all", "blue", "near ann", "red"], "what is for named members is in no history")


class Json(Shared, unittest.IsolatedAsyncioTestCase):
    encoding = "json"


class Protobuf(Shared, unittest.IsolatedAsyncioTestCase):
    encoding = "protobuf"


class Limited(unittest.IsolatedAsyncioTestCase):
    async def test_a_member_is_told_how_much_it_missed(self):
        server = await Server.start(limits="rooms = { normal_per_s = 1 }")
        await server.create("owner", "ann")
        room = str((await server.must("chatroom/create", {"creator": "owner", "name": "hall"}))["chatroom"]["roomid"])
        ann = await User(server.url, token=server.token("ann")).connect()
        seat = Seat(ann, room)
        await seat.enter()
        messages = [{"msgId": f"m{number}", "msgType": 0, "attach": f"text {number}"} for number in range(10)]
        fields = {"roomid": room, "fromAccid": "owner", "msgList": json.dumps(messages)}
        await server.must("chatroom/batchSendMsg", fields)
        heard = missed = 0
        while heard + missed < len(messages):
            told = await seat.next()
            if told.get("event") == "skipped":
                missed += told["missed"]
            else:
                heard += 1
        self.assertEqual(heard + missed, len(messages))
        self.assertTrue(heard > 0 and missed > 0, f"{heard} heard, {missed} missed")
        await ann.close()
        await server.stop()


if __name__ == "__main__":
    unittest.main()
