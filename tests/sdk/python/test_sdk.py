"""What the official Python SDK sees of a server, in both encodings."""

import asyncio
import json
import unittest

from centrifuge import ReplyError, SubscriptionEventHandler, StreamPosition

from proxy import Proxy
from server import Server
from user import User, static_login, text_of


class Room(SubscriptionEventHandler):
    """Hears how a subscription ends."""

    def __init__(self):
        self.ended = asyncio.get_running_loop().create_future()

    async def on_unsubscribed(self, ctx):
        if not self.ended.done():
            self.ended.set_result(ctx)


class Shared:
    """The tests, for one encoding. Each has a server of its own, since each has an event loop of its own."""

    encoding = ""

    async def asyncSetUp(self):
        self.open = []
        self.accounts = 0
        self.server = await Server.start()

    async def asyncTearDown(self):
        for user in self.open:
            await user.close()
        await self.server.stop()

    async def new_accounts(self, count):
        names = [f"user{self.accounts + number}" for number in range(count)]
        self.accounts += count
        await self.server.create(*names)
        return names

    def user(self, account, url=None, **options):
        options.setdefault("token", self.server.token(account))
        user = User(url or self.server.url, encoding=self.encoding, **options)
        self.open.append(user)
        return user

    async def connected(self, account, **options):
        return await self.user(account, **options).connect()

    async def refused(self, code, user, method, params):
        with self.assertRaises(ReplyError) as refused:
            await user.rpc(method, params)
        self.assertEqual(refused.exception.code, code)

    async def test_a_message_reaches_all_its_recipients_while_they_are_online(self):
        sender, *names = await self.new_accounts(4)
        users = [await self.connected(name) for name in names]
        await self.server.send(sender, names, "hello")
        for user in users:
            [(offset, data)] = await user.inbox.until_count(1)
            self.assertEqual((offset, text_of(data), data["sender"]["account"]), (1, "hello", sender))

    async def test_a_message_reaches_every_device_of_an_account(self):
        sender, name = await self.new_accounts(2)
        users = [await self.connected(name, data={"device": device}) for device in ("phone", "tablet", "web")]
        await self.server.send(sender, [name], "to all devices")
        for user in users:
            await user.inbox.until_count(1)
        self.assertEqual([user.texts() for user in users], [["to all devices"]] * 3)

    async def test_what_was_sent_while_the_wire_was_cut_comes_after_it(self):
        sender, name = await self.new_accounts(2)
        proxy = await Proxy.start(self.server.url)
        user = await self.connected(name, url=proxy.url)
        for number in range(5):
            await self.server.send(sender, [name], f"live {number}")
            seen = len(user.events.items)
            proxy.cut()
            for away in range(3):
                await self.server.send(sender, [name], f"away {number}.{away}")
            await user.next("connected", seen)
        await user.inbox.until_count(20)
        self.assertEqual(user.offsets(), list(range(1, 21)))
        await user.close()
        await proxy.close()

    async def test_who_left_and_comes_back_catches_up(self):
        sender, name = await self.new_accounts(2)
        user = await self.connected(name)
        await self.server.send(sender, [name], "first")
        await user.inbox.until_count(1)
        await user.close()
        await self.server.send(sender, [name], "second")
        await user.connect()
        await user.inbox.until_count(2)
        await self.server.send(sender, [name], "third")
        await user.inbox.until_count(3)
        self.assertEqual(user.texts(), ["first", "second", "third"])

    async def test_an_app_that_was_restarted_catches_up_from_its_saved_position(self):
        sender, name = await self.new_accounts(2)
        before = await self.connected(name)
        await self.server.send(sender, [name], "seen")
        await before.inbox.until_count(1)
        await before.close()
        await self.server.send(sender, [name], "missed")
        saved = json.loads(json.dumps(before.position))
        again = await self.connected(name, data={"inbox": saved})
        await again.inbox.until_count(1)
        await self.server.send(sender, [name], "live")
        await again.inbox.until_count(2)
        self.assertEqual((again.texts(), again.offsets()), (["missed", "live"], [2, 3]))

    async def test_who_comes_without_a_position_gets_everything_that_is_kept(self):
        sender, name = await self.new_accounts(2)
        for _ in range(10):
            await asyncio.gather(*(self.server.send(sender, [name], "long ago") for _ in range(100)))
        user = await self.connected(name)
        await user.inbox.until_count(1_000)
        self.assertEqual(user.offsets(), list(range(1, 1_001)))

    async def test_a_static_token_is_a_login(self):
        sender, name = await self.new_accounts(2)
        user = await self.connected(name, token=f"{name}-token", data=static_login(name))
        await self.server.send(sender, [name], "hello")
        await user.inbox.until_count(1)

    async def test_a_token_is_renewed_in_time_without_a_break(self):
        sender, name = await self.new_accounts(2)
        renewed = asyncio.Event()

        async def get_token():
            renewed.set()
            return self.server.token(name)

        user = await self.connected(name, token=self.server.token(name, expires_in=2), get_token=get_token)
        await asyncio.wait_for(renewed.wait(), 20)
        await self.server.send(sender, [name], "after the renewal")
        await user.inbox.until_count(1)
        self.assertEqual(user.count("connecting"), 1)

    async def test_who_comes_with_an_expired_token_is_asked_for_another(self):
        [name] = await self.new_accounts(1)
        calls = []

        async def get_token():
            calls.append(name)
            return self.server.token(name)

        await self.connected(name, token=self.server.token(name, expires_in=-60), get_token=get_token)
        self.assertEqual(calls, [name])

    async def test_who_has_no_other_token_than_an_expired_one_hears_so(self):
        [name] = await self.new_accounts(1)
        user = self.user(name, token=self.server.token(name, expires_in=-60))
        await user.client.connect()
        refused = await user.next("error")
        self.assertIn("109", str(refused.error))

    async def test_who_has_a_bad_token_does_not_come_again(self):
        [name] = await self.new_accounts(1)
        for token in ("nonsense", self.server.token(name, secret="another-secret-of-at-least-32-bytes")):
            user = self.user(name, token=token)
            await user.client.connect()
            self.assertEqual((await user.next("disconnected")).code, 3500)

    async def test_an_unknown_account_does_not_come_again(self):
        user = self.user("nobody-knows-me")
        await user.client.connect()
        self.assertEqual((await user.next("disconnected")).code, 3500)

    async def test_a_blocked_account_is_disconnected_for_good(self):
        [name] = await self.new_accounts(1)
        user = await self.connected(name)
        await self.server.must("user/block", {"accid": name, "needkick": "true"})
        ended = await user.next("disconnected")
        self.assertTrue(4500 <= ended.code < 5000 and ended.reason, ended)

    async def test_a_session_ends_with_the_token_that_it_logged_in_with(self):
        sender, name = await self.new_accounts(2)
        old = await self.connected(name, token=f"{name}-token", data=static_login(name))
        signed = await self.connected(name, data={"device": "signed"})
        await self.server.must("user/refreshToken", {"accid": name})
        code = (await old.next("disconnected")).code
        self.assertTrue(3500 <= code < 4000 or 4500 <= code < 5000, code)
        await self.server.send(sender, [name], "who is still there?")
        await signed.inbox.until_count(1)
        self.assertEqual(signed.count("connecting"), 1)

    async def test_there_are_no_rooms_yet(self):
        [name] = await self.new_accounts(1)
        user = await self.connected(name)
        room = Room()
        await user.client.new_subscription("room:1", events=room).subscribe()
        self.assertEqual((await asyncio.wait_for(room.ended, 20)).code, 102)
        self.assertEqual(user.count("connecting"), 1)

    async def test_an_unknown_method_is_refused(self):
        [name] = await self.new_accounts(1)
        user = await self.connected(name)
        await self.refused(104, user, "no.such.method", {})

    async def test_the_original_of_a_message_can_be_had(self):
        sender, name = await self.new_accounts(2)
        user = await self.connected(name)
        await self.server.send(sender, [name], "as it came")
        [(_, data)] = await user.inbox.until_count(1)
        answer = await user.rpc("message.original", {"id": data["id"]})
        self.assertIn("as it came", json.dumps(answer))

    async def test_a_user_sends_to_another_account_once_for_each_client_id(self):
        sender, name = await self.new_accounts(2)
        user, other = await self.connected(sender), await self.connected(name)
        message = {"to": name, "client_id": "c1", "element": {"type": "text", "text": "from the app"}}
        answer = await user.rpc("message.send", message)
        self.assertEqual(await user.rpc("message.send", message), answer)
        await self.server.send(sender, [name], "the next one")
        entries = await other.inbox.until_count(2)
        self.assertEqual([text_of(data) for _, data in entries], ["from the app", "the next one"])
        [(_, own)] = (await user.inbox.until_count(1))[:1]
        self.assertEqual((own["id"], own["client_id"], own["conversation"]), (answer["id"], "c1", name))

    async def test_conversations_are_listed_read_and_paged(self):
        name, other = await self.new_accounts(2)
        user, peer = await self.connected(name), await self.connected(other)
        for text in ("one", "two"):
            message = {"to": other, "client_id": text, "element": {"type": "text", "text": text}}
            await user.rpc("message.send", message)
        _, (_, second) = await peer.inbox.until_count(2)
        [unread] = (await peer.rpc("conversation.list", {}))["conversations"]
        self.assertEqual((unread["with"], unread["last"]["id"], unread["unread"]), (name, second["id"], 2))
        await peer.rpc("conversation.read", {"with": name, "through": second["id"]})
        _, _, (_, read) = await user.inbox.until_count(3)
        self.assertEqual((read["type"], read["elements"][0]["client_id"]), ("read", "two"))
        history = await user.rpc("conversation.history", {"with": other})
        self.assertEqual([text_of(data) for data in history["messages"]], ["two", "one"])

    async def test_a_message_taken_back_is_a_tombstone_for_who_was_away(self):
        name, other = await self.new_accounts(2)
        user = await self.connected(name)
        message = {"to": other, "client_id": "c1", "element": {"type": "text", "text": "oops"}}
        answer = await user.rpc("message.send", message)
        await user.rpc("message.recall", {"id": answer["id"]})
        peer = await self.connected(other)
        (_, tombstone), (_, recall) = await peer.inbox.until_count(2)
        self.assertEqual((tombstone["type"], tombstone["elements"]), ("withdrawn", []))
        self.assertEqual((recall["type"], recall["elements"][0]["message"]), ("recall", tombstone["id"]))

    async def test_a_device_goes_on_where_it_acknowledged(self):
        sender, name = await self.new_accounts(2)
        user = await self.connected(name, data={"device": "phone"})
        for text in ("one", "two"):
            await self.server.send(sender, [name], text)
        (offset, _), _ = await user.inbox.until_count(2)
        self.assertEqual(await user.rpc("inbox.ack", {"offset": offset}), {})
        again = await self.connected(name, data={"device": "phone"})
        await self.server.send(sender, [name], "three")
        await again.inbox.until_count(2)
        self.assertEqual(again.texts(), ["two", "three"])

    async def test_others_see_the_public_profile_and_who_is_online(self):
        name, other, away = await self.new_accounts(3)
        user = await self.connected(name, data={"platform": "linux"})
        friend = await self.connected(other)
        own = await user.rpc("profile.set", {"nick": "Ann", "mobile": "+1"})
        self.assertEqual(own, {"account": name, "nick": "Ann", "mobile": "+1"})
        self.assertEqual(await user.rpc("profile.get", {}), own)
        seen = await friend.rpc("profiles.get", {"accounts": [name, "nobody-here"]})
        self.assertEqual(seen, {"profiles": [{"account": name, "nick": "Ann"}]})
        online = await friend.rpc("presence.get", {"accounts": [name, away]})
        present = {"account": name, "online": True, "platforms": ["linux"]}
        self.assertEqual(online, {"accounts": [present, {"account": away, "online": False}]})
        await self.refused(106, friend, "presence.get", {"accounts": [away] * 201})

    async def test_a_user_keeps_a_blocklist_and_a_mute_list(self):
        name, blocked, muted = await self.new_accounts(3)
        user = await self.connected(name)
        for method in ("blocklist.add", "mutelist.add"):
            for account in (blocked, muted):
                self.assertEqual(await user.rpc(method, {"account": account}), {})
        await user.rpc("blocklist.remove", {"account": muted})
        await user.rpc("mutelist.remove", {"account": blocked})
        self.assertEqual(await user.rpc("blocklist.get", {}), {"accounts": [blocked]})
        self.assertEqual(await user.rpc("mutelist.get", {}), {"accounts": [muted]})
        await self.refused(1001, user, "blocklist.add", {"account": "nobody-here"})
        await self.server.send(blocked, [name], "unwanted")
        await self.server.send(muted, [name], "wanted")
        await user.inbox.until_count(1)
        self.assertEqual(user.texts(), ["wanted"])

    async def test_who_is_not_to_be_disturbed_is_so_on_every_device(self):
        [name] = await self.new_accounts(1)
        phone = await self.connected(name, data={"device": "phone"})
        desk = await self.connected(name, data={"device": "desk"})
        self.assertEqual(await desk.rpc("do_not_disturb.get", {}), {"on": False})
        for on in (True, False):
            self.assertEqual(await phone.rpc("do_not_disturb.set", {"on": on}), {"on": on})
            self.assertEqual(await desk.rpc("do_not_disturb.get", {}), {"on": on})
        await self.refused(107, phone, "do_not_disturb.set", {"on": "yes"})

    async def test_the_history_of_an_inbox_comes_in_pages(self):
        sender, name = await self.new_accounts(2)
        user = await self.connected(name)
        for text in ("one", "two", "three"):
            await self.server.send(sender, [name], text)

        async def page(**options):
            result = await user.client.history("inbox", **options)
            return result, [text_of(user.decode(publication.data)) for publication in result.publications]

        first, texts = await page(limit=2)
        self.assertEqual((texts, first.offset), (["one", "two"], 3))
        since = StreamPosition(offset=2, epoch=first.epoch)
        self.assertEqual((await page(limit=2, since=since))[1], ["three"])
        self.assertEqual((await page(limit=2, reverse=True))[1], ["three", "two"])

    async def test_the_devices_of_an_account_are_counted(self):
        [name] = await self.new_accounts(1)
        user = await self.connected(name, data={"device": "a"})
        await self.connected(name, data={"device": "b"})
        stats = await user.client.presence_stats("inbox")
        self.assertEqual((stats.num_clients, stats.num_users), (2, 1))

    async def test_offsets_rise_while_many_callers_send(self):
        sender, *names = await self.new_accounts(6)
        users = [await self.connected(name) for name in names]
        await asyncio.gather(*(self.server.send(sender, names, f"call {number}") for number in range(20)))
        for user in users:
            await user.inbox.until_count(20)
            self.assertEqual(user.offsets(), list(range(1, 21)))
            self.assertEqual(len(set(user.texts())), 20)


class Json(Shared, unittest.IsolatedAsyncioTestCase):
    encoding = "json"


class Protobuf(Shared, unittest.IsolatedAsyncioTestCase):
    encoding = "protobuf"


if __name__ == "__main__":
    unittest.main(verbosity=2)
