package sdk

// A user's place in a room: the SDK's subscription, and everything that the room told.

import (
	"testing"

	"github.com/centrifugal/centrifuge-go"
)

type seat struct {
	t            testing.TB
	subscription *centrifuge.Subscription
	// What the room told: messages, and what happened.
	told growing[object]
	// How much of it was read.
	read    int
	entered chan object
	ended   chan uint32
}

func newSeat(u *user, room string, data any) *seat {
	u.t.Helper()
	subscription, err := u.client.NewSubscription("room:"+room, centrifuge.SubscriptionConfig{Data: []byte(encode(data))})
	if err != nil {
		u.t.Fatal(err)
	}
	it := &seat{t: u.t, subscription: subscription, entered: make(chan object, 100), ended: make(chan uint32, 100)}
	subscription.OnSubscribed(func(e centrifuge.SubscribedEvent) { it.entered <- decode(u.t, e.Data) })
	subscription.OnUnsubscribed(func(e centrifuge.UnsubscribedEvent) { it.ended <- e.Code })
	subscription.OnPublication(func(e centrifuge.PublicationEvent) { it.told.push(decode(u.t, e.Data)) })
	return it
}

// enter enters, and returns what the room says then.
func (s *seat) enter() object {
	s.t.Helper()
	if err := s.subscription.Subscribe(); err != nil {
		s.t.Fatal(err)
	}
	return receive(s.t, s.entered, "a user is in the room")
}

func (s *seat) leave() {
	s.t.Helper()
	if err := s.subscription.Unsubscribe(); err != nil {
		s.t.Fatal(err)
	}
}

// removed is the code with which the subscription ends.
func (s *seat) removed() uint32 {
	s.t.Helper()
	return receive(s.t, s.ended, "a user has to go")
}

func (s *seat) next(what string, pick func(object) bool) object {
	s.t.Helper()
	found, behind := s.told.until(s.t, s.read, "the room tells "+what, pick)
	s.read = behind
	return found
}

// nextText is the text of the next message; what else happened is skipped.
func (s *seat) nextText() string {
	s.t.Helper()
	return textOf(s.next("a message", func(it object) bool { return it["type"] != "room" }))
}

// nextEvent is the next thing of this kind that happened; what else was told is skipped.
func (s *seat) nextEvent(event string) object {
	s.t.Helper()
	return s.next(event, func(it object) bool { return it["event"] == event })
}
