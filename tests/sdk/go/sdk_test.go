package sdk

// What the official Go SDK sees of a server, in both encodings.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

func TestAMessageReachesItsRecipientsWhileTheyAreOnline(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		sender, ann, bob := s.account(), s.account(), s.account()
		users := []*user{
			connected(t, login{encoding: encoding, url: s.url, token: token(ann, hour)}),
			connected(t, login{encoding: encoding, url: s.url, token: token(bob, hour)}),
			connected(t, login{encoding: encoding, url: s.url, token: bob + "-token", data: object{"app": app, "account": bob}}),
		}
		s.send(sender, "hello", ann, bob)
		for _, it := range users {
			first := it.inbox.untilCount(t, 1)[0]
			if first.offset != 1 || textOf(first.data) != "hello" || first.data["sender"].(object)["account"] != sender {
				t.Errorf("%+v", first)
			}
		}
	})
}

func TestAThousandMessagesComeInOrderAndOnce(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		sender, name := s.account(), s.account()
		live := connected(t, login{encoding: encoding, url: s.url, token: token(name, hour)})
		for number := 0; number < 1000; number++ {
			s.send(sender, fmt.Sprint(number), name)
		}
		live.hasAllOnce(1000)
		late := connected(t, login{encoding: encoding, url: s.url, token: token(name, hour)})
		late.hasAllOnce(1000)
		for number, text := range live.texts() {
			if text != fmt.Sprint(number) {
				t.Fatalf("%q is number %d", text, number)
			}
		}
	})
}

func TestWhatWasSentWhileTheWireWasCutComesAfterIt(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		sender, name := s.account(), s.account()
		w := newWire(t, s)
		it := connected(t, login{encoding: encoding, url: w.url, token: token(name, hour)})
		for round := 0; round < 3; round++ {
			s.send(sender, "live", name)
			seen := len(it.events.all())
			w.cut()
			s.send(sender, "away", name)
			s.send(sender, "away", name)
			it.next("subscribed inbox", seen)
		}
		it.hasAllOnce(9)
	})
}

func TestNothingIsLostOrTwiceWhereTheServerIsKilled(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		sender, name := s.account(), s.account()
		w := newWire(t, s)
		it := connected(t, login{encoding: encoding, url: w.url, token: token(name, hour)})
		for number := 0; number < 20; number++ {
			s.send(sender, "before", name)
		}
		seen := len(it.events.all())
		s.kill()
		it.next("connecting", seen)
		s.start()
		s.send(sender, "while it was away", name)
		w.lead(s)
		it.next("subscribed inbox", seen)
		s.send(sender, "after", name)
		it.hasAllOnce(22)
	})
}

func TestWhoIsToldOfAShutdownComesBack(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		sender, name := s.account(), s.account()
		w := newWire(t, s)
		it := connected(t, login{encoding: encoding, url: w.url, token: token(name, hour)})
		seen := len(it.events.all())
		s.stop()
		if code := it.next("connecting", seen).code; code != 3001 {
			t.Errorf("code %d", code)
		}
		s.start()
		w.lead(s)
		it.next("subscribed inbox", seen)
		s.send(sender, "hello again", name)
		it.hasAllOnce(1)
	})
}

func TestAnAppThatWasRestartedGoesOnFromItsSavedPosition(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		sender, name := s.account(), s.account()
		before := connected(t, login{encoding: encoding, url: s.url, token: token(name, hour)})
		s.send(sender, "seen", name)
		before.inbox.untilCount(t, 1)
		before.client.Close()
		s.send(sender, "missed", name)
		data := object{"inbox": before.position()}
		again := connected(t, login{encoding: encoding, url: s.url, token: token(name, hour), data: data})
		s.send(sender, "live", name)
		again.inbox.untilCount(t, 2)
		if texts := strings.Join(again.texts(), " "); texts != "missed live" {
			t.Errorf("%q", texts)
		}
	})
}

func TestATokenIsRenewedInTimeWithoutABreak(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		sender, name := s.account(), s.account()
		renewed := make(chan struct{}, 10)
		getToken := func() (string, error) {
			renewed <- struct{}{}
			return token(name, hour), nil
		}
		it := connected(t, login{encoding: encoding, url: s.url, token: token(name, 2*time.Second), getToken: getToken})
		receive(t, renewed, "the token is renewed")
		s.send(sender, "after the renewal", name)
		it.hasAllOnce(1)
		if count := it.count("connecting"); count != 1 {
			t.Errorf("connected %d times", count)
		}
	})
}

func TestWhoRenewsWithAnEndedTokenIsAskedForAnother(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		sender, name := s.account(), s.account()
		lives := make(chan time.Duration, 2)
		lives <- -time.Minute
		lives <- hour
		getToken := func() (string, error) { return token(name, <-lives), nil }
		it := connected(t, login{encoding: encoding, url: s.url, token: token(name, time.Second), getToken: getToken})
		seen := len(it.events.all())
		it.next("subscribed inbox", seen)
		if code := it.next("connecting", seen).code; code != 3005 {
			t.Errorf("code %d", code)
		}
		s.send(sender, "after the renewal", name)
		it.hasAllOnce(1)
	})
}

func TestWhoComesWithAnExpiredTokenIsAskedForAnother(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		name := s.account()
		calls := make(chan string, 10)
		getToken := func() (string, error) {
			calls <- name
			return token(name, hour), nil
		}
		connected(t, login{encoding: encoding, url: s.url, token: token(name, -time.Minute), getToken: getToken})
		if len(calls) != 1 {
			t.Errorf("asked %d times", len(calls))
		}
	})
}

func TestWhoMayNotLogInDoesNotComeAgain(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		name := s.account()
		forged := tokenSignedWith("another-secret-of-at-least-32-bytes", name, hour)
		for _, bad := range []string{"nonsense", forged, token("nobody-knows-me", hour)} {
			it := newUser(t, login{encoding: encoding, url: s.url, token: bad})
			if err := it.client.Connect(); err != nil {
				t.Fatal(err)
			}
			if code := it.next("disconnected", 0).code; code != 3500 {
				t.Errorf("code %d", code)
			}
		}
	})
}

func TestATerminalCloseEndsItForGood(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		name := s.account()
		phone := login{encoding: encoding, url: s.url, token: token(name, hour), data: object{"device": "phone"}}
		older, newer := connected(t, phone), connected(t, phone)
		if code := older.next("disconnected", 0).code; code != 4503 {
			t.Errorf("code %d of the older connection", code)
		}
		s.call("user/block", map[string]string{"accid": name, "needkick": "true"})
		if code := newer.next("disconnected", 0).code; code != 4500 {
			t.Errorf("code %d of a blocked account", code)
		}
		for _, it := range []*user{older, newer} {
			if state := it.client.State(); state != centrifuge.StateDisconnected || it.count("connecting") != 1 {
				t.Errorf("%v, and it connected %d times", state, it.count("connecting"))
			}
		}
	})
}

func TestUsersCallTheServer(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		ann, bob := s.account(), s.account()
		of := func(name string) *user {
			return connected(t, login{encoding: encoding, url: s.url, token: token(name, hour), data: object{"platform": "linux"}})
		}
		from, to := of(ann), of(bob)
		answer := from.say(bob, "from the app")
		if again := from.say(bob, "from the app"); again["id"] != answer["id"] {
			t.Errorf("%v after %v", again, answer)
		}
		to.hasAllOnce(1)
		if own := from.inbox.untilCount(t, 1)[0].data; own["id"] != answer["id"] {
			t.Errorf("%v is not %v", own, answer)
		}
		history := from.rpc("conversation.history", object{"with": bob})["messages"].([]any)
		if len(history) != 1 || textOf(history[0].(object)) != "from the app" {
			t.Errorf("%v", history)
		}
		online := from.rpc("presence.get", object{"accounts": []string{bob}})["accounts"].([]any)[0].(object)
		if online["online"] != true || fmt.Sprint(online["platforms"]) != "[linux]" {
			t.Errorf("%v", online)
		}
		from.refused(104, "no.such.method", object{})
		from.refused(107, "message.send", object{"to": 7})
		from.refused(106, "message.send", object{"to": bob, "client_id": "long",
			"element": object{"type": "text", "text": strings.Repeat("x", 6000)}})
		from.refused(1001, "message.send", object{"to": "nobody-here", "client_id": "c2",
			"element": object{"type": "text", "text": "hello"}})
	})
}

func TestAnInboxHasAHistoryAndDevices(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		sender, name := s.account(), s.account()
		it := connected(t, login{encoding: encoding, url: s.url, token: token(name, hour)})
		for _, text := range []string{"one", "two", "three"} {
			s.send(sender, text, name)
		}
		page, err := it.client.History(background, "inbox", centrifuge.WithHistoryLimit(2))
		if err != nil || page.Offset != 3 || len(page.Publications) != 2 {
			t.Fatalf("%+v, %v", page, err)
		}
		since := &centrifuge.StreamPosition{Offset: page.Publications[1].Offset, Epoch: page.Epoch}
		page, err = it.client.History(background, "inbox", centrifuge.WithHistoryLimit(2), centrifuge.WithHistorySince(since))
		if err != nil || len(page.Publications) != 1 || textOf(decode(t, page.Publications[0].Data)) != "three" {
			t.Fatalf("%+v, %v", page, err)
		}
		stats, err := it.client.PresenceStats(background, "inbox")
		if err != nil || stats.NumClients != 1 || stats.NumUsers != 1 {
			t.Errorf("%+v, %v", stats, err)
		}
	})
}
