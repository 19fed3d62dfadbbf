// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/sys/fw"
	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/engine/vrrp"
)

// grace is how long a VMAC outlives its use. compat: the report that a group
// was left is repeated within a second (RFC 3376 section 5.1), and it leaves by
// way of the VMAC.
const grace = time.Second

// calm is the least time between two attempts to bring back a VMAC that
// somebody else removed.
const calm = time.Second

// owned is the first word of the alias of interfaces that we made. The words
// after it are what the sysctls around it were before, so that whoever cleans
// up after a crash can restore them.
const owned = "vigild"

// Links is what the hands make interfaces with.
type Links interface {
	Virtuals() ([]link.Virtual, error)
	Create(link.Virtual) (index int, err error)
	SetAlias(index int, text string) error
	SetUp(index int) error
	Remove(index int) error
	// Get and Set are sysctls of interfaces, Configured names those that have any.
	Get(link.Conf) (string, error)
	Set(c link.Conf, value string) error
	Configured() ([]string, error)
	Add([]link.Address) (same int, failed []link.Failure, err error)
	Delete([]link.Address) (same int, failed []link.Failure, err error)
	// Redirect and Filter are about the packet filter.
	Redirect([]fw.VMAC) error
	Filter(fw.Options) error
}

// made is a VMAC that exists.
type made struct {
	index, base int
	alias       string
	// source is the address that it has only to send adverts from.
	source netip.Prefix
	// down says that it is to be set up yet.
	down bool
}

// vmacs makes the interfaces of use_vmac and use_ipvlan, keeps them, and removes
// them. Everything but hear and refresh runs in the hands' goroutine, because
// the kernel takes 18 ms to remove one.
type vmacs struct {
	kernel Links
	faces  *faces
	own    *ownEvents
	later  func(func())

	want  []vrrp.VMAC
	mark  string
	made  map[string]made
	conf  *confs
	keep  bool
	begun bool
	// told holds what was said last, by what it was about, so that it is said once.
	told map[string]string
	// used says that a configuration had VMACs; it is the loop's.
	used bool

	mu sync.Mutex
	// names are those of the VMACs (true) and the interfaces below them (false).
	names   map[string]bool
	pending bool
	last    time.Time
}

func newVMACs(kernel Links, f *faces, own *ownEvents, later func(func())) *vmacs {
	return &vmacs{
		kernel: kernel, faces: f, own: own, later: later,
		made: map[string]made{}, told: map[string]string{}, conf: newConfs(kernel),
	}
}

// prepare puts a configuration into force when the interfaces that it wants
// are there; it is the loop that calls it, and does not wait.
func (v *VRRP) prepare(c *vrrp.Configure) {
	if v.vmacs.used = v.vmacs.used || len(c.Settings.VMACs) > 0; !v.vmacs.used {
		v.hands.later(func() { v.vmacs.configure(c.Settings) }) // a predecessor may have left some
		v.step(v.clock.Now(), c)
		return
	}
	v.hands.later(func() {
		v.vmacs.configure(c.Settings)
		if err := v.news.settle(c); err != nil {
			v.news.broken(err)
		}
	})
}

// configure goes over to the VMACs of other settings. Those that are no longer
// wanted go a little later, those that a predecessor left at once.
func (m *vmacs) configure(s *vrrp.Settings) {
	m.want, m.mark, m.keep = s.VMACs, owned, s.KeepAddresses
	if s.Filter.Mark != "" {
		m.mark += "/" + s.Filter.Mark
	}
	names := map[string]bool{}
	for _, w := range m.want {
		names[w.Base] = false
	}
	for _, w := range m.want {
		names[w.Name] = true
	}
	m.mu.Lock()
	m.names = names
	m.mu.Unlock()
	m.say("packet filter", m.kernel.Filter(fw.Options{Table: s.Filter.Table, Priority: s.Filter.Priority, Counters: s.Filter.Counters}))
	first := !m.begun
	m.begun = true
	if m.sync(first) && !first {
		time.AfterFunc(grace, func() { m.later(func() { m.sync(true) }) })
	}
}

// hear is told of every change to interfaces and addresses.
func (m *vmacs) hear(c link.Change) {
	name, lost := "", false
	if c.Interface != nil {
		name, lost = c.Interface.Name, !c.Present
	} else if a := c.Address.Prefix.Addr(); a.Is6() && a.IsLinkLocalUnicast() {
		name = m.faces.name(c.Address.IfIndex)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	vmac, known := m.names[name]
	if !known || m.pending || vmac && !lost {
		return
	}
	m.pending = true
	wait := time.Duration(0)
	if vmac {
		wait = max(0, calm-time.Since(m.last))
	}
	time.AfterFunc(wait, func() {
		m.later(func() {
			m.mu.Lock()
			m.pending, m.last = false, time.Now()
			m.mu.Unlock()
			m.sync(false)
		})
	})
}

// sync makes what is wanted and missing. With tidy it removes what is ours and
// not wanted; it says whether there was something of that kind.
func (m *vmacs) sync(tidy bool) (stale bool) {
	list, err := m.kernel.Virtuals()
	if m.say("virtual interfaces", err); err != nil {
		return false
	}
	there := make(map[string]link.Virtual, len(list))
	wanted := make(map[string]bool, len(m.want))
	for _, w := range m.want {
		wanted[w.Name] = true
	}
	for _, v := range list {
		there[v.Name] = v
		ours := m.ours(v.Alias)
		if ours {
			m.conf.recall(v.Alias)
		}
		if !ours || wanted[v.Name] {
			continue
		}
		// One MAC address can be up only once on an interface.
		if stale = true; tidy || m.inTheWay(&v) {
			m.say(v.Name, m.kernel.Remove(v.Index))
		}
	}
	m.conf.want(m.want, m.say)
	was := m.made
	m.made = map[string]made{}
	for i := range m.want {
		w := &m.want[i]
		old, exists := there[w.Name]
		if x, ok := m.ensure(w, old, exists); ok {
			m.made[w.Name] = x
		}
	}
	m.redirect()
	for i := range m.want {
		if w := &m.want[i]; m.made[w.Name].index != 0 {
			m.raise(w, was[w.Name])
		}
	}
	if tidy {
		m.conf.forget(m.want, m.say)
	}
	return stale
}

// inTheWay says whether a VMAC has the place of one that is wanted under
// another name.
func (m *vmacs) inTheWay(v *link.Virtual) bool {
	for i := range m.want {
		if base, ok := m.faces.get(m.want[i].Base); ok {
			if w := virtual(&m.want[i], base); w.Same(v) {
				return true
			}
		}
	}
	return false
}

// ours says whether an alias is of an interface that we made.
func (m *vmacs) ours(alias string) bool {
	word, _, _ := strings.Cut(alias, " ")
	return word == m.mark
}

// ensure makes one VMAC, or takes over the one that is there. compat: one that
// is just as wanted is used, and removed at the end as if it were ours.
func (m *vmacs) ensure(w *vrrp.VMAC, old link.Virtual, exists bool) (made, bool) {
	base, ok := m.faces.get(w.Base)
	if !ok {
		return made{}, false // hear is told when it comes
	}
	v := virtual(w, base)
	if exists && !v.Same(&old) {
		if !m.ours(old.Alias) {
			m.say(w.Name, fmt.Errorf("interface %s: there is another one of that name: %w", w.Name, unix.EEXIST))
			return made{}, false
		}
		m.say(w.Name, m.kernel.Remove(old.Index))
		exists = false
	}
	x := made{index: old.Index, base: base.Index, alias: old.Alias, down: !old.Up}
	if !exists {
		index, err := m.kernel.Create(v)
		if m.say(w.Name, err); err != nil && index == 0 {
			return made{}, false
		}
		x = made{index: index, base: base.Index, down: true}
	}
	if alias := m.conf.alias(m.mark, w.Base); alias != x.alias {
		if err := m.kernel.SetAlias(x.index, alias); err == nil {
			x.alias = alias
		} else {
			m.say(w.Name, err)
		}
	}
	m.conf.vmac(w, m.say)
	return x, true
}

// raise sets a VMAC up, now that the packet filter knows what not to let it
// say, and gives it its source address.
func (m *vmacs) raise(w *vrrp.VMAC, old made) {
	x := m.made[w.Name]
	if x.down {
		m.say(w.Name, m.kernel.SetUp(x.index))
		x.down = false
	}
	m.source(w, &x, old)
	m.made[w.Name] = x
}

func virtual(w *vrrp.VMAC, base link.Interface) link.Virtual {
	v := link.Virtual{Name: w.Name, Parent: base.Index, Kind: link.Macvlan, MAC: w.MAC, Mode: link.MacvlanPrivate, Group: base.Group}
	if w.IPVLAN {
		v.Kind, v.MAC, v.Mode, v.Flags = link.IPvlan, [6]byte{}, link.IPvlanL2, w.Flag
		v.Local = !w.IPv4
	}
	if w.Group >= 0 {
		v.Group = uint32(w.Group)
	}
	return v
}

// source gives a VMAC the address that adverts come from. compat: for IPv6 the
// link-local address of the interface below, deprecated so that nothing else
// uses it; IPv4 needs none.
func (m *vmacs) source(w *vrrp.VMAC, x *made, old made) {
	want := w.Source
	if local, ok := m.faces.localOf(x.base); ok && w.LocalSource && !want.IsValid() {
		want = netip.PrefixFrom(local, 64)
	}
	if old.index == x.index && old.source == want {
		x.source = want
		return
	}
	if old.index == x.index && old.source.IsValid() {
		m.address(w.Name, m.kernel.Delete, link.Address{IfIndex: x.index, Prefix: old.source})
	}
	if !want.IsValid() {
		return
	}
	a := link.Address{IfIndex: x.index, Prefix: want, PreferredLft: link.Forever}
	if want.Addr().Is6() {
		a.Flags, a.PreferredLft = unix.IFA_F_NODAD, 0
	}
	if m.address(w.Name, m.kernel.Add, a) {
		x.source = want
	}
}

func (m *vmacs) address(name string, how func([]link.Address) (int, []link.Failure, error), a link.Address) bool {
	_, failed, err := how([]link.Address{a})
	if err == nil && len(failed) > 0 {
		err = failed[0].Err
	}
	if err != nil {
		m.say(name+" "+a.Prefix.String(), fmt.Errorf("address %s of interface %s: %w", a.Prefix, name, err))
	}
	return err == nil
}

// redirect tells the packet filter which VMACs there are.
func (m *vmacs) redirect() {
	var list []fw.VMAC
	for i := range m.want {
		w := &m.want[i]
		if x, ok := m.made[w.Name]; ok && !w.IPVLAN {
			list = append(list, fw.VMAC{IfIndex: x.index, Base: x.base, IPv4: w.IPv4, IPv6: w.IPv6})
		}
	}
	m.say("reports of VMACs", m.kernel.Redirect(list))
}

// say reports a failure, once until it is another one.
func (m *vmacs) say(about string, err error) {
	if err == nil {
		return
	}
	if text := err.Error(); m.told[about] != text {
		m.told[about] = text
		m.own.denied(about, err)
	}
}

// close removes everything when the hands have ended. The sockets are closed by
// then.
func (m *vmacs) close() {
	if m.keep {
		return
	}
	m.mu.Lock()
	m.names = nil
	m.mu.Unlock()
	if len(m.made) > 0 {
		<-time.After(grace)
	}
	if m.begun {
		m.want = nil
		m.sync(true)
	}
}
