// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/engine/sys/link/linktest"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// rest are the methods of a Kernel that these tests do not need.
type rest struct{ Kernel }

// fakeKernel is a Kernel in memory.
type fakeKernel struct {
	*linktest.Network
	rest
}

func (k *fakeKernel) Announce(list []raw.Announcement) (arps, nas int, err error) {
	k.Note("announce %d", len(list))
	for _, a := range list {
		if a.Addr.Is4() {
			arps++
		} else {
			nas++
		}
	}
	return arps, nas, nil
}

func (k *fakeKernel) Close() error { return nil }

// workshop is hands with a kernel in memory and instances 1 and 2.
type workshop struct {
	*hands
	kernel *fakeKernel
}

func newWorkshop(t *testing.T, addresses ...int) *workshop {
	t.Helper()
	poller, err := raw.NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	clock, err := raw.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	monitor, _, err := link.Watch()
	if err != nil {
		t.Fatal(err)
	}
	own := &ownEvents{producer: role.NewProducer(event.RoleVRRP, role.SystemClock()), deliver: func([]event.Event) {}}
	faces := newFaces()
	faces.set(link.Change{Interface: &link.Interface{Index: 2, Name: "eth0", Up: true, Ethernet: true}, Present: true})
	faces.set(link.Change{Interface: &link.Interface{Index: 3, Name: "tun0", Up: true}, Present: true})
	settings := map[int]*vrrp.InstanceSettings{}
	for i, n := range addresses {
		s := &vrrp.InstanceSettings{Name: fmt.Sprint(i + 1), Interface: "eth0", Family: 4, Accept: true}
		for k := range n {
			a := netip.AddrFrom4([4]byte{10, byte(i + 1), byte(k >> 8), byte(k)})
			s.Addresses = append(s.Addresses, vrrp.Address{Prefix: netip.PrefixFrom(a, 32), PreferredLft: vrrp.Forever})
		}
		settings[i+1] = s
	}
	w := &workshop{kernel: &fakeKernel{Network: &linktest.Network{}}}
	inbox := &inbox{poller: poller}
	w.hands = &hands{
		kernel: w.kernel, faces: faces, clock: clock, news: &news{monitor: monitor, faces: faces, inbox: inbox, own: own},
		settings: func(id int) *vrrp.InstanceSettings { return settings[id] },
	}
	w.start()
	t.Cleanup(func() {
		w.stop()
		monitor.Close()
		inbox.close()
	})
	return w
}

// outcomes waits for n outcomes.
func (w *workshop) outcomes(t *testing.T, n int) (out []*vrrp.Done) {
	t.Helper()
	give := time.Now().Add(10 * time.Second)
	for len(out) < n {
		if time.Now().After(give) {
			t.Fatalf("%d of %d outcomes", len(out), n)
		}
		if _, err := w.news.inbox.poller.Wait(0, raw.Deaf); err != nil {
			t.Fatal(err)
		}
		for _, m := range w.news.inbox.take() {
			if d, ok := m.in.(*vrrp.Done); ok {
				out = append(out, d)
			}
		}
	}
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestAddressesAreAnnouncedAsSoonAsTheyAreThere(t *testing.T) {
	w := newWorkshop(t, chunk+6)
	root := event.Ref{Epoch: 1, Seq: 2}
	w.do([]vrrp.Action{
		{Kind: vrrp.Own, ID: 1, Root: root, Reason: event.MasterDownTimer},
		{Kind: vrrp.Announce, ID: 1, Root: root, Repeat: 2, Reason: event.AnnounceTransition},
	})
	done := w.outcomes(t, 2)
	equal(t, "what was done", w.kernel.Log(), []string{"add 64", "announce 64", "add 6", "announce 6", "announce 70"})
	if d := done[0]; d.Kind != vrrp.Own || d.Count != chunk+6 || d.Failed != 0 || d.Root != root || d.Why != event.MasterDownTimer || d.End < d.Start {
		t.Errorf("addition: %+v", d)
	}
	if d := done[1]; d.Kind != vrrp.Announce || d.Frames4 != 2*(chunk+6) || d.Frames6 != 0 {
		t.Errorf("announcement: %+v", d)
	}
	if n := len(w.kernel.Addresses()); n != chunk+6 {
		t.Errorf("%d addresses", n)
	}
}

// An announcement of another story is not taken along.
func TestAnotherStorysAnnouncementWaits(t *testing.T) {
	w := newWorkshop(t, chunk+6)
	w.do([]vrrp.Action{
		{Kind: vrrp.Own, ID: 1, Root: event.Ref{Epoch: 1, Seq: 2}},
		{Kind: vrrp.Announce, ID: 1, Root: event.Ref{Epoch: 1, Seq: 3}, Repeat: 1},
	})
	w.outcomes(t, 2)
	equal(t, "what was done", w.kernel.Log(), []string{"add 64", "add 6", "announce 70"})
}

func TestInstancesTakeTurns(t *testing.T) {
	w := newWorkshop(t, 3*chunk, 1)
	w.do([]vrrp.Action{{Kind: vrrp.Own, ID: 1}, {Kind: vrrp.Own, ID: 2}})
	done := w.outcomes(t, 2)
	equal(t, "what was done", w.kernel.Log(), []string{"add 64", "add 1", "add 64", "add 64"})
	if done[0].ID != 2 || done[1].ID != 1 {
		t.Errorf("the single address waited for the many: %d before %d", done[0].ID, done[1].ID)
	}
}

func TestOneInstanceIsServedInOrder(t *testing.T) {
	w := newWorkshop(t, 2)
	w.do([]vrrp.Action{{Kind: vrrp.Disown, ID: 1}, {Kind: vrrp.Own, ID: 1}, {Kind: vrrp.Disown, ID: 1}, {Kind: vrrp.Disown, ID: 1}})
	var counts []int
	for _, d := range w.outcomes(t, 4) {
		counts = append(counts, d.Count)
	}
	// What is not there is not removed; what is there is not removed twice.
	if !slices.Equal(counts, []int{0, 2, 2, 0}) {
		t.Errorf("counts %v", counts)
	}
}

func TestWhatIsThereAlreadyIsOwned(t *testing.T) {
	w := newWorkshop(t, 2)
	w.do([]vrrp.Action{{Kind: vrrp.Own, ID: 1}, {Kind: vrrp.Own, ID: 1}})
	for _, d := range w.outcomes(t, 2) {
		if d.Count != 2 || d.Failed != 0 {
			t.Errorf("%+v", d)
		}
	}
}

func TestARefusedAddressKeepsNoOtherBack(t *testing.T) {
	w := newWorkshop(t, 3)
	w.kernel.Refuse(netip.MustParseAddr("10.1.0.1"), unix.EPERM)
	w.do([]vrrp.Action{{Kind: vrrp.Own, ID: 1}})
	d := w.outcomes(t, 1)[0]
	if d.Count != 2 || d.Failed != 1 || d.Detail != "10.1.0.1/32: operation not permitted" {
		t.Errorf("%+v", d)
	}
	if n := len(w.kernel.Addresses()); n != 2 {
		t.Errorf("%d addresses", n)
	}
}

func TestAMissingInterfaceFailsAdditionsOnly(t *testing.T) {
	w := newWorkshop(t, 1)
	w.hands.settings(1).Interface = "gone0"
	w.do([]vrrp.Action{{Kind: vrrp.Own, ID: 1}, {Kind: vrrp.Announce, ID: 1, Repeat: 1}, {Kind: vrrp.Disown, ID: 1}})
	done := w.outcomes(t, 3)
	for i, failed := range []int{1, 1, 0} {
		if done[i].Count != 0 || done[i].Failed != failed {
			t.Errorf("outcome %d: %+v", i, done[i])
		}
	}
}

func TestNothingIsAnnouncedWhereThereAreNoHardwareAddresses(t *testing.T) {
	w := newWorkshop(t, 1)
	w.hands.settings(1).Interface = "tun0"
	w.do([]vrrp.Action{{Kind: vrrp.Announce, ID: 1, Repeat: 3}})
	if d := w.outcomes(t, 1)[0]; d.Frames4 != 0 || d.Failed != 0 {
		t.Errorf("%+v", d)
	}
}

func TestRoutesComeAfterAddressesAndGoBefore(t *testing.T) {
	w := newWorkshop(t, 1)
	s := w.hands.settings(1)
	s.Routes = []vrrp.Route{{Words: []string{"10.0.0.0/8", "dev", "eth0"}, Family: 4}}
	s.Rules = []vrrp.Rule{{Words: []string{"from", "10.0.0.0/8", "table", "7"}, Family: 4}}
	w.do([]vrrp.Action{{Kind: vrrp.Own, ID: 1}, {Kind: vrrp.Disown, ID: 1}})
	w.outcomes(t, 2)
	equal(t, "what was done", w.kernel.Log(), []string{
		"add 1", "add route 10.0.0.0/8 dev eth0", "add rule from 10.0.0.0/8 table 7",
		"delete rule from 10.0.0.0/8 table 7", "delete route 10.0.0.0/8 dev eth0", "delete 1",
	})
}

func TestOnlyAPartIsChanged(t *testing.T) {
	w := newWorkshop(t, 5)
	only := w.hands.settings(1).Addresses[1:3]
	w.do([]vrrp.Action{{Kind: vrrp.Own, ID: 1, Part: true, Only: only}, {Kind: vrrp.Announce, ID: 1, Only: only, Repeat: 1}})
	w.outcomes(t, 2)
	equal(t, "what was done", w.kernel.Log(), []string{"add 2", "announce 2"})
}

func TestPulseGathersOnlyWhatComesThick(t *testing.T) {
	var p pulse
	now := event.Instant(1e9)
	// want asks twice: packets are waited for once.
	want := func(what string, bells bool, to raw.Hearing, most time.Duration) {
		t.Helper()
		if gotTo, got := p.rest(bells); gotTo != to || got != most {
			t.Errorf("%s: listens to %v for %v, want %v for %v", what, gotTo, got, to, most)
		}
		if gotTo, _ := p.rest(bells); gotTo != raw.All {
			t.Errorf("%s: gathers twice for the same packets", what)
		}
	}
	p.heard(now, 0, 0)
	want("nothing", false, raw.All, 0)
	p.heard(now, 1, now)
	want("a single packet", true, raw.All, 0)
	p.heard(now, thickLeast, now)
	want("some, without bells", false, raw.All, 0)
	p.heard(now, 1, now)
	want("some, with bells", true, raw.Urgent, waitMost)
	p.heard(now, thickMost, now)
	want("many, without bells", false, raw.Deaf, waitLeast)
	p.heard(now.Add(thickTime+1), 1, now.Add(thickTime+1))
	want("one after many", false, raw.Deaf, waitLeast)
	p.heard(now.Add(thickTime+2), bunchLeast, now.Add(thickTime+2-waitLeast/2))
	want("the last of a bunch", false, raw.All, 0)
	p.heard(now.Add(thickTime+3), bunchLeast-1, now.Add(thickTime+3-waitLeast/2))
	want("too few to be the last of a bunch", false, raw.Deaf, waitLeast)
	p.heard(now.Add(10*thickTime), 1, now.Add(10*thickTime))
	want("long after", false, raw.All, 0)
}

// The more packets come, the shorter is the wait, so that none of our own
// adverts has to wait long; and a bell that rang is let be for a moment.
func TestPulseWithBells(t *testing.T) {
	for rate, want := range map[int]time.Duration{
		60: waitMost, 512: waitMost, 1024: bunchMost * thickTime / 1024, 3200: waitLeast, 25_500: waitLeast,
	} {
		var p pulse
		p.heard(1e9, rate, 1e9)
		if to, most := p.rest(true); to != raw.Urgent || most != want {
			t.Errorf("%d in %v: listens to %v for %v, want bells for %v", rate, thickTime, to, most, want)
		}
		p.heard(1e9, 1, 1e9)
		p.rang = true
		if to, most := p.rest(true); to != raw.Deaf || most != waitLeast {
			t.Errorf("%d in %v, after a bell: listens to %v for %v", rate, thickTime, to, most)
		}
		p.heard(1e9, 1, 1e9)
		if to, _ := p.rest(true); to != raw.Urgent {
			t.Errorf("%d in %v: forgets the bells: %v", rate, thickTime, to)
		}
	}
	// A bunch is over when the last half of the wait that was brought nothing.
	var p pulse
	p.heard(1e9, 100, 1e9)
	p.rest(true)
	p.heard(2e9, 100, event.Instant(2e9).Add(-waitMost/2+1))
	if to, _ := p.rest(true); to != raw.Urgent {
		t.Error("a bunch is over too soon")
	}
	p.heard(2e9, 100, event.Instant(2e9).Add(-waitMost/2))
	if to, _ := p.rest(true); to != raw.All {
		t.Error("a bunch is not over")
	}
}

func TestInboxKeepsOrderAndRefusesWhenClosed(t *testing.T) {
	poller, err := raw.NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	b := &inbox{poller: poller}
	b.put(message{in: vrrp.SendFailed{ID: 1}}, message{in: vrrp.SendFailed{ID: 2}})
	b.put(message{in: vrrp.SendFailed{ID: 3}})
	if woken, err := poller.Wait(0, raw.All); err != nil || !woken.Called {
		t.Fatalf("%v %v", woken, err)
	}
	for i, m := range b.take() {
		if m.in != (vrrp.SendFailed{ID: i + 1}) {
			t.Errorf("message %d is %+v", i, m.in)
		}
	}
	if got := b.take(); len(got) != 0 {
		t.Errorf("taken twice: %v", got)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	if b.put(message{}) {
		t.Error("a closed inbox took a message")
	}
}
