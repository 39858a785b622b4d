package sdk

// What the official Go SDK sees of chat rooms, in both encodings.

import (
	"fmt"
	"testing"

	"github.com/centrifugal/centrifuge-go"
)

// hall is a room of a test, and who made it.
type hall struct {
	*server
	encoding string
	owner    string
	room     string
}

func newHall(t testing.TB, encoding, limits string) *hall {
	t.Helper()
	s := startServer(t, limits)
	owner := s.account()
	return &hall{server: s, encoding: encoding, owner: owner, room: s.room(owner)}
}

// member is somebody who is in the room.
func (h *hall) member(url string, data object) (string, *user, *seat) {
	h.t.Helper()
	name := h.account()
	it := connected(h.t, login{encoding: h.encoding, url: url, token: token(name, hour), data: object{"device": "phone"}})
	seat := newSeat(it, h.room, data)
	if entered := seat.enter(); entered["member"].(object)["account"] != name {
		h.t.Fatalf("%s is told %v", name, entered)
	}
	return name, it, seat
}

func (h *hall) say(text string, more map[string]string) {
	h.t.Helper()
	fields := map[string]string{"roomid": h.room, "msgId": text, "fromAccid": h.owner, "msgType": "0", "attach": text}
	for field, value := range more {
		fields[field] = value
	}
	h.call("chatroom/sendMsg", fields)
}

func TestWhoEntersIsToldOfTheRoomAndTheOthersOfWhoComesAndGoes(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		h := newHall(t, encoding, unlimited)
		_, ann, seatOfAnn := h.member(h.url, object{"nick": "Ann", "tags": []string{"red"}})
		bob, _, seatOfBob := h.member(h.url, object{})
		came := seatOfAnn.nextEvent("entered")
		if came["member"].(object)["account"] != bob || came["online"] != 2.0 {
			t.Errorf("%v", came)
		}
		present, err := seatOfBob.subscription.Presence(background)
		if err != nil || len(present.Clients) != 2 {
			t.Errorf("%v, %v", present, err)
		}
		stats, err := seatOfBob.subscription.PresenceStats(background)
		if err != nil || stats.NumClients != 2 || stats.NumUsers != 2 {
			t.Errorf("%v, %v", stats, err)
		}
		element := object{"type": "text", "text": "hi"}
		ann.rpc("room.send", object{"room": h.room, "client_id": "c1", "element": element, "notifyTargetTags": ""})
		h.say("to all", nil)
		h.say("to red ones", map[string]string{"notifyTargetTags": `{"tag":"red"}`})
		for who, seat := range map[string]*seat{"ann": seatOfAnn, "bob": seatOfBob} {
			if texts := [2]string{seat.nextText(), seat.nextText()}; texts != [2]string{"hi", "to all"} {
				t.Errorf("%s hears %v", who, texts)
			}
		}
		if text := seatOfAnn.nextText(); text != "to red ones" {
			t.Errorf("ann hears %q", text)
		}
		seatOfBob.leave()
		if went := seatOfAnn.nextEvent("left"); went["member"].(object)["account"] != bob {
			t.Errorf("%v", went)
		}
	})
}

func TestWhoHasToGoStaysOutUntilTheAppEntersAgain(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		h := newHall(t, encoding, unlimited)
		_, _, seatOfAnn := h.member(h.url, object{})
		bob, userBob, seatOfBob := h.member(h.url, object{})
		h.call("chatroom/kickMember", map[string]string{"roomid": h.room, "accid": h.owner, "targetAccid": bob})
		if code := seatOfBob.removed(); code != 2101 {
			t.Errorf("code %d", code)
		}
		seatOfAnn.nextEvent("member_kicked")
		h.say("without bob", nil)
		seatOfAnn.nextText()
		userBob.refused(1006, "room.members", object{"room": h.room})
		seatOfBob.enter()
		h.call("chatroom/toggleCloseStat", map[string]string{"roomid": h.room, "operator": h.owner, "valid": "false"})
		for _, seat := range []*seat{seatOfAnn, seatOfBob} {
			if code := seat.removed(); code != 2100 {
				t.Errorf("code %d", code)
			}
		}
		gone := newSeat(userBob, "999999", object{})
		if err := gone.subscription.Subscribe(); err != nil {
			t.Fatal(err)
		}
		if code := gone.removed(); code != 102 {
			t.Errorf("code %d", code)
		}
	})
}

func TestWhoseWireWasCutIsInItsRoomsAgainAndHasWhatWasUrgent(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		h := newHall(t, encoding, unlimited)
		w := newWire(t, h.server)
		_, _, seatOfAnn := h.member(h.url, object{})
		bob, userBob, seatOfBob := h.member(w.url, object{"nick": "Bob", "tags": []string{"blue"}})
		userBob.client.Disconnect()
		h.say("usual", nil)
		h.say("urgent", map[string]string{"highPriority": "true"})
		seatOfAnn.nextText()
		userBob.connect()
		entered := receive(t, seatOfBob.entered, "bob is there again")
		if member := entered["member"].(object); member["account"] != bob || member["nick"] != "Bob" {
			t.Errorf("%v", entered)
		}
		// Before the cut: what the socket has taken counts as got.
		if text := seatOfBob.nextText(); text != "urgent" {
			t.Errorf("bob hears %q", text)
		}
		seen := len(userBob.events.all())
		w.cut()
		userBob.next("subscribed inbox", seen)
		receive(t, seatOfBob.entered, "bob is there once more")
		h.say("now", map[string]string{"notifyTargetTags": `{"tag":"blue"}`})
		if text := seatOfBob.nextText(); text != "now" {
			t.Errorf("bob hears %q", text)
		}
	})
}

func TestWhoComesBackIsInAllOfItsRoomsAtOnce(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		s := startServer(t, unlimited)
		w := newWire(t, s)
		owner, name := s.account(), s.account()
		it := connected(t, login{encoding: encoding, url: w.url, token: token(name, hour), data: object{"device": "phone"}})
		seats := []*seat{}
		for number := 0; number < 30; number++ {
			seats = append(seats, newSeat(it, s.room(owner), object{}))
		}
		refused := make(chan error, 1000)
		for _, seat := range seats {
			seat.subscription.OnError(func(e centrifuge.SubscriptionErrorEvent) { refused <- e.Error })
			if err := seat.subscription.Subscribe(); err != nil {
				t.Fatal(err)
			}
		}
		for round := 0; round < 2; round++ {
			for _, seat := range seats {
				receive(t, seat.entered, "a user is in all of its rooms")
			}
			if round == 0 {
				w.cut()
			}
		}
		if len(refused) > 0 {
			t.Errorf("%d errors, such as %v", len(refused), <-refused)
		}
	})
}

func TestAMemberThatIsSentMoreThanItTakesIsToldHowMuchItMissed(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		h := newHall(t, encoding, "rooms = { normal_per_s = 1 }")
		_, _, seat := h.member(h.url, object{})
		list := []object{}
		for number := 0; number < 10; number++ {
			list = append(list, object{"msgId": fmt.Sprintf("m%d", number), "msgType": 0, "attach": fmt.Sprint(number)})
		}
		h.call("chatroom/batchSendMsg", map[string]string{"roomid": h.room, "fromAccid": h.owner, "msgList": encode(list)})
		heard, missed := 0, 0
		for heard+missed < len(list) {
			it := seat.next("something", func(object) bool { return true })
			switch {
			case it["event"] == "skipped":
				missed += int(it["missed"].(float64))
			case it["type"] == "text":
				heard++
			}
		}
		if heard+missed != len(list) || heard == 0 || missed == 0 {
			t.Errorf("%d heard, %d missed", heard, missed)
		}
	})
}
