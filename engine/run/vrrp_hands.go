// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/fw"
	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// chunk is how many addresses are added, and announced, before another
// instance gets its turn: the first address is reachable soon, and a thousand
// of one instance do not keep the one address of another waiting.
const chunk = 64

// task is an action of the machine in the doing.
type task struct {
	vrrp.Action
	settings *vrrp.InstanceSettings
	global   *vrrp.Settings
	// addresses is what is left to do; static tasks have routes and rules of
	// the whole configuration.
	addresses []vrrp.Address
	routes    []vrrp.Route
	rules     []vrrp.Rule
	done      vrrp.Done
	// sent is how many rounds of an Announce are done already.
	sent int
	// along is the Announce whose first round goes out with each chunk of an Own.
	along   *task
	started bool
	// do replaces all that: something else that takes time.
	do func()
}

// hands does everything that takes time, in a goroutine of its own: addresses,
// routes, rules, announcements, packet filter, sockets. Tasks of one instance
// are done in order, those of different instances in turns.
type hands struct {
	mu    sync.Mutex
	more  *sync.Cond
	queue map[int][]*task
	turns []int
	over  bool
	gone  chan struct{}

	kernel   Kernel
	faces    *faces
	news     *news
	clock    *raw.Clock // its own: a Clock belongs to one goroutine
	settings func(id int) *vrrp.InstanceSettings
	static   *vrrp.Settings
	batch    []link.Address
	frames   []raw.Announcement
	pacer    pacer
	waker    *time.Timer
}

// Kernel is what the hands do things with; linktest has a fake.
type Kernel interface {
	// Add and Delete change addresses; what is so already is no failure.
	Add([]link.Address) (same int, failed []link.Failure, err error)
	Delete([]link.Address) (same int, failed []link.Failure, err error)
	AddRoute(words []string, family uint8) error
	DeleteRoute(words []string, family uint8) error
	AddRule(words []string, family uint8) error
	DeleteRule(words []string, family uint8) error
	// Announce sends one frame for each.
	Announce([]raw.Announcement) (arps, nas int, err error)
	// Block drops what is sent to the addresses; Unblock ends that, for all of
	// the owner's if only is nil.
	Block(owner int, addrs []fw.Blocked) error
	Unblock(owner int, only []fw.Blocked) error
	Close() error
}

func (h *hands) start() {
	h.more = sync.NewCond(&h.mu)
	h.queue, h.gone = map[int][]*task{}, make(chan struct{})
	h.waker = time.AfterFunc(time.Hour, func() { h.later(h.flush) })
	h.waker.Stop()
	go h.run()
}

// do takes actions over, all at once, so that none is begun before the ones
// that belong to it are known. It is the loop that calls it, so it only queues.
func (h *hands) do(actions []vrrp.Action) {
	tasks := make([]*task, 0, len(actions))
	for i := range actions {
		if t := h.task(&actions[i]); t != nil {
			tasks = append(tasks, t)
		}
	}
	h.put(tasks...)
}

func (h *hands) task(a *vrrp.Action) *task {
	t := &task{Action: *a, global: h.static, done: vrrp.Done{ID: a.ID, Kind: a.Kind, Why: a.Reason, Cause: a.Cause, Root: a.Root}}
	if a.ID != 0 {
		t.settings = h.settings(a.ID)
		if t.settings == nil {
			return nil
		}
		t.addresses = slices.Concat(t.settings.Addresses, t.settings.Excluded)
		t.routes, t.rules = t.settings.Routes, t.settings.Rules
	} else if h.static != nil {
		t.addresses, t.routes, t.rules = h.static.StaticAddresses, h.static.StaticRoutes, h.static.StaticRules
	}
	switch {
	case a.Part:
		t.addresses, t.routes, t.rules = a.Only, a.OnlyRoutes, a.OnlyRules
	case a.Only != nil:
		t.addresses, t.routes, t.rules = a.Only, nil, nil
	}
	return t
}

// later does something that takes time, in turn with the rest.
func (h *hands) later(do func()) { h.put(&task{do: do}) }

func (h *hands) put(tasks ...*task) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range tasks {
		if len(h.queue[t.ID]) == 0 {
			h.turns = append(h.turns, t.ID)
		}
		h.queue[t.ID] = append(h.queue[t.ID], t)
	}
	h.more.Signal()
}

// next returns the task whose turn it is, nil at the end.
func (h *hands) next() *task {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.turns) == 0 {
		if h.over {
			return nil
		}
		h.more.Wait()
	}
	q := h.queue[h.turns[0]]
	t := q[0]
	if !t.started && t.Kind == vrrp.Own {
		for _, after := range q[1:] {
			if after.do == nil && after.Kind == vrrp.Announce && after.Root == t.Root && after.Only == nil && after.Repeat > 0 && !t.Part {
				t.along = after
				break
			}
		}
	}
	t.started = true
	return t
}

// turn ends the turn of an instance; finished takes its first task off.
func (h *hands) turn(finished bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := h.turns[0]
	h.turns = append(h.turns[:0], h.turns[1:]...)
	if finished {
		h.queue[id] = h.queue[id][1:]
	}
	if len(h.queue[id]) == 0 {
		delete(h.queue, id)
		return
	}
	h.turns = append(h.turns, id)
}

// stop ends the goroutine when everything queued is done.
func (h *hands) stop() {
	h.mu.Lock()
	h.over = true
	h.more.Signal()
	h.mu.Unlock()
	h.waker.Stop()
	<-h.gone
}

func (h *hands) run() {
	defer close(h.gone)
	for {
		t := h.next()
		if t == nil {
			return
		}
		h.turn(h.work(t))
	}
}

// work does one chunk of a task and says whether the task is finished.
func (h *hands) work(t *task) bool {
	if t.do != nil {
		t.do()
		return true
	}
	if t.done.Start == 0 {
		t.done.Start = h.clock.Now()
	}
	var finished bool
	switch t.Kind {
	case vrrp.Own:
		finished = h.own(t)
	case vrrp.Disown:
		finished = h.disown(t)
	case vrrp.Announce:
		finished = h.announce(t)
	case vrrp.Admit:
		h.admit(t)
		return true
	case vrrp.Evict:
		h.note(t, h.kernel.Unblock(t.ID, nil), "packet filter")
		return true
	case vrrp.Send:
		return true
	}
	if !finished {
		return false
	}
	t.done.End = h.clock.Now()
	if err := h.news.settle(&t.done); err != nil {
		h.news.broken(err)
	}
	return true
}

// note counts a failure.
func (h *hands) note(t *task, err error, what string) {
	if err == nil {
		return
	}
	t.done.Failed++
	if t.done.Detail == "" {
		t.done.Detail = fmt.Sprintf("%s: %v", what, err)
	}
}

// own adds the next chunk of addresses and announces it at once if an
// announcement of the same story follows; after the last one come routes and
// rules, which may need the addresses.
func (h *hands) own(t *task) bool {
	n := min(chunk, len(t.addresses))
	part := t.addresses[:n]
	t.addresses = t.addresses[n:]
	if t.Part && t.filters() {
		// A reload brings addresses to a master whose others have their rules already.
		h.unfiltered(t, h.kernel.Block(t.ID, h.blocked(t, part)))
	}
	h.change(t, part, h.kernel.Add)
	if t.along != nil {
		h.say(t.along, part)
		t.along.sent = 1
	}
	if len(t.addresses) > 0 {
		return false
	}
	for _, r := range t.routes {
		h.note(t, h.kernel.AddRoute(r.Words, r.Family), fmt.Sprintf("add route %v", r.Words))
	}
	for _, r := range t.rules {
		h.note(t, h.kernel.AddRule(r.Words, r.Family), fmt.Sprintf("add rule %v", r.Words))
	}
	return true
}

// disown removes rules and routes, then the addresses chunk by chunk.
func (h *hands) disown(t *task) bool {
	for _, r := range t.rules {
		h.note(t, h.kernel.DeleteRule(r.Words, r.Family), fmt.Sprintf("remove rule %v", r.Words))
	}
	for _, r := range t.routes {
		h.note(t, h.kernel.DeleteRoute(r.Words, r.Family), fmt.Sprintf("remove route %v", r.Words))
	}
	t.rules, t.routes = nil, nil
	h.pacer.forget(t.ID)
	n := min(chunk, len(t.addresses))
	part := t.addresses[:n]
	t.addresses = t.addresses[n:]
	h.change(t, part, h.kernel.Delete)
	if t.Part && t.filters() {
		h.note(t, h.kernel.Unblock(t.ID, h.blocked(t, part)), "packet filter")
	}
	return len(t.addresses) == 0
}

// change adds or removes some addresses and counts how it went.
func (h *hands) change(t *task, part []vrrp.Address, how func([]link.Address) (int, []link.Failure, error)) {
	h.batch = h.batch[:0]
	for i := range part {
		a, err := h.address(t, &part[i])
		if err != nil {
			if t.Kind == vrrp.Own {
				h.note(t, err, part[i].Prefix.String())
			}
			continue // an interface that is gone took its addresses along
		}
		h.batch = append(h.batch, a)
	}
	if len(h.batch) == 0 {
		return
	}
	same, failures, err := how(h.batch)
	h.note(t, err, "addresses")
	if err != nil {
		return
	}
	for _, f := range failures {
		h.note(t, f.Err, h.batch[f.Index].Prefix.String())
	}
	t.done.Count += len(h.batch) - len(failures)
	if t.Kind == vrrp.Disown {
		t.done.Count -= same // what was not there was not removed
	}
}

func (h *hands) device(t *task, a *vrrp.Address) (link.Interface, error) {
	name := a.Interface
	if name == "" && t.settings != nil {
		name = t.settings.Interface
	}
	l, ok := h.faces.get(name)
	if !ok {
		return l, fmt.Errorf("no interface %s: %w", name, os.ErrNotExist)
	}
	return l, nil
}

// address turns a configured address into what the kernel is told.
func (h *hands) address(t *task, a *vrrp.Address) (link.Address, error) {
	l, err := h.device(t, a)
	return link.Address{
		IfIndex: l.Index, Prefix: a.Prefix, Peer: a.Peer, Broadcast: a.Broadcast, Label: a.Label,
		Scope: a.Scope, PreferredLft: a.PreferredLft, Flags: addressFlags(a),
	}, err
}

// announce sends one round of announcements of all addresses.
func (h *hands) announce(t *task) bool {
	if t.sent < t.Repeat {
		h.say(t, t.addresses)
		t.sent++
	}
	return t.sent >= t.Repeat
}

// say announces some addresses once.
func (h *hands) say(t *task, part []vrrp.Address) {
	if t.done.Start == 0 {
		t.done.Start = h.clock.Now()
	}
	h.frames = h.frames[:0]
	routers := map[int]bool{}
	for i := range part {
		a := &part[i]
		l, err := h.device(t, a)
		if err != nil {
			h.note(t, err, a.Prefix.Addr().String())
			continue
		}
		if !l.Ethernet {
			continue // nothing to announce on a link without hardware addresses
		}
		router := false
		if a.Prefix.Addr().Is6() {
			var known bool
			if router, known = routers[l.Index]; !known {
				router = link.Forwards6(l.Name)
				routers[l.Index] = router
			}
		}
		one := raw.Announcement{IfIndex: l.Index, MAC: l.MAC, Addr: a.Prefix.Addr(), Router: router}
		if key, gap := gapOf(t.global, l.Name, one.Addr.Is6()); gap > 0 {
			if h.pacer.add(key, gap, one, t.ID) {
				h.waiting(t, one.Addr.Is6())
			}
			h.flush() // the first need not wait
			continue
		}
		h.frames = append(h.frames, one)
	}
	if len(h.frames) == 0 {
		return
	}
	arps, nas, err := h.kernel.Announce(h.frames)
	t.done.Frames4 += arps
	t.done.Frames6 += nas
	t.done.Count += arps + nas
	if err != nil {
		h.note(t, err, "announce")
		t.done.Failed += len(h.frames) - arps - nas - 1
	}
}

// waiting counts an announcement that leaves when its turn comes.
func (h *hands) waiting(t *task, six bool) {
	t.done.Count++
	if six {
		t.done.Frames6++
	} else {
		t.done.Frames4++
	}
}

// admit installs the drop rules of no_accept. compat: without no_accept the
// kernel accepts what is sent to an address it has, and nothing is to be done.
func (h *hands) admit(t *task) {
	if t.filters() {
		h.unfiltered(t, h.kernel.Block(t.ID, h.blocked(t, t.addresses)))
	}
}

// filters says whether the instance's addresses have drop rules.
func (t *task) filters() bool {
	return t.settings != nil && !t.settings.Accept && !t.settings.Owner()
}

// blocked is some addresses as the packet filter knows them.
func (h *hands) blocked(t *task, part []vrrp.Address) []fw.Blocked {
	list := make([]fw.Blocked, 0, len(part))
	for i := range part {
		b := fw.Blocked{Addr: part[i].Prefix.Addr()}
		if b.Addr.IsLinkLocalUnicast() {
			if l, err := h.device(t, &part[i]); err == nil {
				b.IfIndex = l.Index
			}
		}
		list = append(list, b)
	}
	return list
}

// unfiltered reports that packets get in that should not.
func (h *hands) unfiltered(t *task, err error) {
	if err == nil {
		return
	}
	h.news.own.publish(event.Event{
		Kind: event.PrivilegeDenied, Subject: event.Subject{Kind: event.SubjectInstance, Name: t.settings.Name, Sub: "no_accept"},
		Reason: event.FailKernel, Detail: err.Error(), Cause: t.Cause, Root: t.Root,
	})
}
