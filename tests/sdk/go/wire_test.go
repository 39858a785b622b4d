package sdk

// A wire that can be cut: a TCP forwarder between clients and a server, which may be another one after its restart.

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

type wire struct {
	listener net.Listener
	url      string
	mutex    sync.Mutex
	target   string
	ends     map[net.Conn]struct{}
}

// newWire forwards to a server until the test ends.
func newWire(t testing.TB, to *server) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	it := &wire{listener: listener, url: "http://" + listener.Addr().String(), ends: map[net.Conn]struct{}{}}
	it.lead(to)
	t.Cleanup(func() {
		listener.Close()
		it.cut()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go it.forward(client)
		}
	}()
	return it
}

// lead makes it end at this server from now on.
func (w *wire) lead(to *server) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.target = strings.TrimPrefix(to.url, "http://")
}

func (w *wire) forward(client net.Conn) {
	defer client.Close()
	w.mutex.Lock()
	target := w.target
	w.mutex.Unlock()
	up, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer up.Close()
	w.mutex.Lock()
	w.ends[client], w.ends[up] = struct{}{}, struct{}{}
	w.mutex.Unlock()
	over := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{up, client}, {client, up}} {
		go func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			over <- struct{}{}
		}(way[0], way[1])
	}
	<-over
	w.mutex.Lock()
	delete(w.ends, client)
	delete(w.ends, up)
	w.mutex.Unlock()
}

// cut breaks every connection without a farewell.
func (w *wire) cut() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for end := range w.ends {
		end.(*net.TCPConn).SetLinger(0)
		end.Close()
	}
}
