package sdk

// Waiting for events with a deadline, so that a test that would hang fails and says what it waited for.

import (
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

func deadline() time.Duration {
	if ms, err := strconv.Atoi(os.Getenv("CARILLON_TEST_DEADLINE_MS")); err == nil {
		return time.Duration(ms) * time.Millisecond
	}
	return 20 * time.Second
}

// receive returns what comes out of a channel next.
func receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case it := <-from:
		return it
	case <-time.After(deadline()):
		t.Fatalf("still waiting until %s", what)
		panic("unreachable")
	}
}

// growing is a list that grows, and on which one can wait.
type growing[T any] struct {
	mutex sync.Mutex
	items []T
	// Closed, and replaced, when an item is added.
	grown chan struct{}
}

func (g *growing[T]) push(item T) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.items = append(g.items, item)
	if g.grown != nil {
		close(g.grown)
		g.grown = nil
	}
}

// seen returns what there is, and a channel that is closed when there is more.
func (g *growing[T]) seen() ([]T, <-chan struct{}) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.grown == nil {
		g.grown = make(chan struct{})
	}
	return g.items[:len(g.items):len(g.items)], g.grown
}

func (g *growing[T]) all() []T {
	items, _ := g.seen()
	return items
}

// until returns the first item at `from` or later that `pick` wants, and the place behind it.
func (g *growing[T]) until(t testing.TB, from int, what string, pick func(T) bool) (T, int) {
	t.Helper()
	late := time.After(deadline())
	for at := from; ; {
		items, grown := g.seen()
		for ; at < len(items); at++ {
			if pick(items[at]) {
				return items[at], at + 1
			}
		}
		select {
		case <-grown:
		case <-late:
			t.Fatalf("still waiting until %s; seen: %+v", what, items[from:])
		}
	}
}

func (g *growing[T]) untilCount(t testing.TB, count int) []T {
	t.Helper()
	late := time.After(deadline())
	for {
		items, grown := g.seen()
		if len(items) >= count {
			return items
		}
		select {
		case <-grown:
		case <-late:
			t.Fatalf("still waiting until there are %d, there are %d", count, len(items))
		}
	}
}
