// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package realserver

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/sys/link"
)

var errDead = errors.New("killed")

// machine is a host in memory, which dies before its left-th change.
type machine struct {
	addrs []netip.Addr
	conf  map[string]string
	left  int
	log   []string
}

func fresh() *machine {
	return &machine{left: -1, addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, conf: map[string]string{
		"ipv4/all/arp_ignore": "0", "ipv4/all/arp_announce": "1", "ipv4/lo/arp_ignore": "0", "ipv4/lo/arp_announce": "0",
	}}
}

func (m *machine) change(what string) error {
	if m.left == 0 {
		return errDead
	}
	m.left--
	m.log = append(m.log, what)
	return nil
}

func (m *machine) has() ([]netip.Addr, error) { return m.addrs, nil }

func (m *machine) add(a netip.Addr) error {
	if err := m.change("add " + a.String()); err != nil {
		return err
	}
	m.addrs = append(slices.Clone(m.addrs), a)
	return nil
}

func (m *machine) remove(a netip.Addr) error {
	if err := m.change("remove " + a.String()); err != nil {
		return err
	}
	m.addrs = slices.DeleteFunc(slices.Clone(m.addrs), func(b netip.Addr) bool { return a == b })
	return nil
}

func (m *machine) get(c link.Conf) (string, error) {
	if v, ok := m.conf[c.String()]; ok {
		return v, nil
	}
	return "", os.ErrNotExist
}

func (m *machine) set(c link.Conf, v string) error {
	if err := m.change(c.String() + "=" + v); err != nil {
		return err
	}
	m.conf[c.String()] = v
	return nil
}

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "state.json") }

func same(t *testing.T, m *machine) {
	t.Helper()
	if want := fresh(); !slices.Equal(m.addrs, want.addrs) || !maps.Equal(m.conf, want.conf) {
		t.Errorf("after it all the machine has %v and %v", m.addrs, m.conf)
	}
}

func TestStartAndStop(t *testing.T) {
	m, f := fresh(), file(t)
	vips := addrs("192.0.2.1", "2001:db8::1")
	for range 2 { // the second time changes nothing
		if err := start(m, f, vips); err != nil {
			t.Fatal(err)
		}
	}
	want := "ipv4/all/arp_ignore=1 ipv4/all/arp_announce=2 ipv4/lo/arp_ignore=1 ipv4/lo/arp_announce=2 add 192.0.2.1 add 2001:db8::1"
	if got := strings.Join(m.log, " "); got != want {
		t.Errorf("start does %s", got)
	}
	s, err := look(m, f, nil)
	if err != nil || !s.Started || !s.Whole() || len(s.Addresses) != 2 || s.Settings[1] != (Setting{"ipv4/all/arp_announce", "2", "1", true}) {
		t.Errorf("status %+v, %v", s, err)
	}
	m.log = nil
	for range 2 {
		if notes, err := stop(m, f, nil); err != nil || len(notes) > 0 {
			t.Fatal(notes, err)
		}
	}
	want = "remove 192.0.2.1 remove 2001:db8::1 ipv4/lo/arp_announce=0 ipv4/lo/arp_ignore=0 ipv4/all/arp_announce=1 ipv4/all/arp_ignore=0"
	if got := strings.Join(m.log, " "); got != want {
		t.Errorf("stop does %s", got)
	}
	same(t, m)
	if _, err := os.Stat(f); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	if s, err := look(m, f, nil); err != nil || s.Started {
		t.Errorf("status %+v, %v", s, err)
	}
	if s, err := look(m, f, vips); err != nil || s.Whole() {
		t.Errorf("status of what is not there: %+v, %v", s, err)
	}
}

// TestKilledAnywhere: whatever the moment, stop undoes what was done, and start
// goes on where it was.
func TestKilledAnywhere(t *testing.T) {
	vips := addrs("192.0.2.1", "192.0.2.2", "2001:db8::1")
	for n := range 7 {
		for _, again := range []bool{false, true} {
			m, f := fresh(), file(t)
			m.left = n
			if err := start(m, f, vips); !errors.Is(err, errDead) {
				t.Fatalf("killed before change %d: %v", n, err)
			}
			m.left = -1
			if again {
				if err := start(m, f, vips); err != nil {
					t.Fatal(err)
				}
				if s, err := look(m, f, vips); err != nil || !s.Whole() {
					t.Errorf("killed before change %d, started again: %+v, %v", n, s, err)
				}
			}
			// Killed while it stops, too.
			m.left = 2
			_, _ = stop(m, f, nil)
			m.left = -1
			if _, err := stop(m, f, nil); err != nil {
				t.Fatal(err)
			}
			same(t, m)
		}
	}
}

// TestOthers: what others have done, before or since, stays.
func TestOthers(t *testing.T) {
	m, f := fresh(), file(t)
	m.conf["ipv4/all/arp_ignore"] = "2"
	m.addrs = append(m.addrs, addrs("192.0.2.1")...)
	vips := addrs("192.0.2.1", "192.0.2.2", "192.0.2.3")
	if err := start(m, f, vips); err != nil {
		t.Fatal(err)
	}
	m.conf["ipv4/all/arp_announce"] = "0"
	if s, err := look(m, f, vips); err != nil || s.Whole() || s.Addresses[0].Ours || !s.Addresses[1].Ours {
		t.Errorf("status %+v, %v", s, err)
	}
	notes, err := stop(m, f, addrs("192.0.2.1", "192.0.2.2"))
	if err != nil || fmt.Sprint(notes) != "[192.0.2.1 was not added by start, and stays as it is]" || m.conf["ipv4/lo/arp_ignore"] != "1" {
		t.Errorf("%q, %v, %v", notes, err, m.conf)
	}
	notes, err = stop(m, f, nil)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "ipv4/all/arp_announce is 0 now") {
		t.Errorf("%q, %v", notes, err)
	}
	if got := fmt.Sprint(m.addrs, " ", m.conf["ipv4/all/arp_ignore"], m.conf["ipv4/all/arp_announce"], m.conf["ipv4/lo/arp_ignore"]); got != "[127.0.0.1 192.0.2.1] 200" {
		t.Error(got)
	}
}

// TestIPv6Alone needs no setting.
func TestIPv6Alone(t *testing.T) {
	m, f := fresh(), file(t)
	if err := start(m, f, addrs("2001:db8::1")); err != nil || strings.Join(m.log, " ") != "add 2001:db8::1" {
		t.Error(m.log, err)
	}
	if s, err := look(m, f, nil); err != nil || !s.Whole() {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestMistakes(t *testing.T) {
	for _, a := range addrs("127.0.0.1", "0.0.0.0", "224.0.0.1", "fe80::1", "::1", "::ffff:192.0.2.1", "fe80::1%lo") {
		if err := Start(file(t), []netip.Addr{a}); err == nil || !strings.Contains(err.Error(), "cannot be a virtual address") {
			t.Errorf("%s: %v", a, err)
		}
	}
	f := file(t)
	if err := os.WriteFile(f, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := fresh()
	if err := start(m, f, addrs("192.0.2.1")); err == nil || len(m.log) > 0 {
		t.Errorf("a file that cannot be read: %v, %v", err, m.log)
	}
}
