package sdk

// A user's device: the official SDK, and everything that it told the app.

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

var encodings = []string{"json", "protobuf"}

// inEachEncoding runs a test for either of them.
func inEachEncoding(t *testing.T, test func(t *testing.T, encoding string)) {
	for _, encoding := range encodings {
		encoding := encoding
		t.Run(encoding, func(t *testing.T) { test(t, encoding) })
	}
}

// entry is what came into the inbox.
type entry struct {
	offset uint64
	data   object
}

// event is what else the SDK told.
type event struct {
	name string
	code uint32
	err  error
}

// login is how a user connects; what is left out has a default.
type login struct {
	encoding string
	url      string
	token    string
	getToken func() (string, error)
	data     object
}

type user struct {
	t      testing.TB
	client *centrifuge.Client
	inbox  growing[entry]
	events growing[event]
	mutex  sync.Mutex
	// The position that the app would keep.
	offset uint64
	epoch  string
}

func newUser(t testing.TB, login login) *user {
	t.Helper()
	it := &user{t: t}
	// The SDK gives up after a second by itself, which a busy machine may need.
	config := centrifuge.Config{Token: login.token, HandshakeTimeout: deadline(), ReadTimeout: deadline()}
	if login.data != nil {
		config.Data = []byte(encode(login.data))
	}
	if login.getToken != nil {
		config.GetToken = func(centrifuge.ConnectionTokenEvent) (string, error) { return login.getToken() }
	}
	endpoint := strings.Replace(login.url, "http", "ws", 1) + "/connection/websocket"
	if login.encoding == "json" {
		it.client = centrifuge.NewJsonClient(endpoint, config)
	} else {
		it.client = centrifuge.NewProtobufClient(endpoint, config)
	}
	it.listen()
	t.Cleanup(it.client.Close)
	return it
}

func (u *user) listen() {
	u.client.OnConnecting(func(e centrifuge.ConnectingEvent) { u.events.push(event{name: "connecting", code: e.Code}) })
	u.client.OnConnected(func(centrifuge.ConnectedEvent) { u.events.push(event{name: "connected"}) })
	u.client.OnDisconnected(func(e centrifuge.DisconnectedEvent) { u.events.push(event{name: "disconnected", code: e.Code}) })
	u.client.OnError(func(e centrifuge.ErrorEvent) { u.events.push(event{name: "error", err: e.Error}) })
	u.client.OnUnsubscribed(func(e centrifuge.ServerUnsubscribedEvent) { u.events.push(event{name: "unsubscribed " + e.Channel}) })
	u.client.OnSubscribed(func(e centrifuge.ServerSubscribedEvent) {
		u.mutex.Lock()
		u.epoch = e.StreamPosition.Epoch
		u.mutex.Unlock()
		u.events.push(event{name: "subscribed " + e.Channel})
	})
	u.client.OnPublication(func(e centrifuge.ServerPublicationEvent) {
		if e.Channel != "inbox" {
			u.t.Errorf("a publication of %q", e.Channel)
		}
		if e.Offset > 0 {
			u.mutex.Lock()
			u.offset = e.Offset
			u.mutex.Unlock()
		}
		u.inbox.push(entry{e.Offset, decode(u.t, e.Data)})
	})
}

// position is what the app would keep of its inbox.
func (u *user) position() object {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return object{"offset": u.offset, "epoch": u.epoch}
}

// connected connects, and waits until the inbox is there.
func connected(t testing.TB, login login) *user {
	t.Helper()
	return newUser(t, login).connect()
}

func (u *user) connect() *user {
	u.t.Helper()
	before := len(u.events.all())
	if err := u.client.Connect(); err != nil {
		u.t.Fatal(err)
	}
	u.next("subscribed inbox", before)
	// The last that this SDK does as it connects is to enter its rooms, also one that is being entered by then, which makes two
	// commands. An answer is read after that.
	u.rpc("profile.get", object{})
	return u
}

// next waits for an event after the first `skip` ones.
func (u *user) next(name string, skip int) event {
	u.t.Helper()
	found, _ := u.events.until(u.t, skip, "the app hears: "+name, func(e event) bool { return e.name == name })
	return found
}

func (u *user) count(name string) int {
	count := 0
	for _, it := range u.events.all() {
		if it.name == name {
			count++
		}
	}
	return count
}

func (u *user) texts() []string {
	texts := []string{}
	for _, it := range u.inbox.all() {
		texts = append(texts, textOf(it.data))
	}
	return texts
}

// hasAllOnce says that the inbox came from 1 to `last` in order, nothing left out and nothing twice.
func (u *user) hasAllOnce(last int) {
	u.t.Helper()
	for at, it := range u.inbox.untilCount(u.t, last) {
		if it.offset != uint64(at+1) {
			u.t.Fatalf("place %d has offset %d", at, it.offset)
		}
	}
	if count := len(u.inbox.all()); count != last {
		u.t.Fatalf("%d entries instead of %d", count, last)
	}
}

func (u *user) call(method string, params any) (object, error) {
	u.t.Helper()
	within, cancel := context.WithTimeout(context.Background(), deadline())
	defer cancel()
	answer, err := u.client.RPC(within, method, []byte(encode(params)))
	if err != nil {
		return nil, err
	}
	return decode(u.t, answer.Data), nil
}

// rpc calls, which must succeed.
func (u *user) rpc(method string, params any) object {
	u.t.Helper()
	answer, err := u.call(method, params)
	if err != nil {
		u.t.Fatalf("%s: %v", method, err)
	}
	return answer
}

// refused calls, which must fail with this code.
func (u *user) refused(code uint32, method string, params any) {
	u.t.Helper()
	answer, err := u.call(method, params)
	if codeOf(err) != code {
		u.t.Fatalf("%s: %v, %v instead of %d", method, answer, err, code)
	}
}

// codeOf is the server's code of an error, or 0.
func codeOf(err error) uint32 {
	var refused *centrifuge.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return 0
}

// say sends a text to another account.
func (u *user) say(to, text string) object {
	u.t.Helper()
	element := object{"type": "text", "text": text}
	return u.rpc("message.send", object{"to": to, "client_id": strings.ReplaceAll(text, " ", "-"), "element": element})
}

// textOf is the text of a text message.
func textOf(message object) string {
	elements, _ := message["elements"].([]any)
	if len(elements) == 0 {
		return ""
	}
	text, _ := elements[0].(object)["text"].(string)
	return text
}

const hour = time.Hour

var background = context.Background()
