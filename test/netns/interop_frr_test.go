// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// vrrpd is vrrpd of FRR on a router, beside the zebra that it needs.
type vrrpd struct {
	t       *testing.T
	r       *lab.Router
	dir     string
	conf    string
	members []member
	starts  int
	p       *lab.Program
}

// frrDir is a folder that FRR's own account can write.
func frrDir(t *testing.T, l *lab.Lab) string {
	t.Helper()
	dir := t.TempDir()
	owner, err := user.Lookup("frr")
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.Atoi(owner.Uid)
	gid, err2 := strconv.Atoi(owner.Gid)
	if err := errors.Join(err1, err2, os.Chown(dir, uid, gid), os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(l.Dir(), 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// newVRRPD makes the interfaces that FRR wants to find, and starts zebra.
func newVRRPD(t *testing.T, l *lab.Lab, r *lab.Router, all []*cell, priority int) *vrrpd {
	t.Helper()
	v := &vrrpd{t: t, r: r, dir: frrDir(t, l)}
	blocks := map[int]*strings.Builder{0: {}, 1: {}}
	for _, c := range all {
		for _, m := range c.members() {
			v.members = append(v.members, m)
			dev := m.macvlan()
			r.IP(fmt.Sprintf("link add link eth%d name %s address %s type macvlan mode bridge", m.wire, dev, m.mac()))
			word := "ip"
			if m.family == 6 {
				word = "ipv6"
			}
			fmt.Fprintf(blocks[m.wire], " vrrp %d version %d\n vrrp %d priority %d\n vrrp %d advertisement-interval %d\n",
				m.vrid, m.version, m.vrid, priority, m.vrid, m.interval().Milliseconds())
			for _, a := range m.addrs() {
				r.IP(fmt.Sprintf("addr add %v/%d dev %s%s", a, pick6(m.family, 64, 16), dev, pick(m.family == 6, " nodad", "")))
				fmt.Fprintf(blocks[m.wire], " vrrp %d %s %v\n", m.vrid, word, a)
			}
			if m.family == 6 {
				// The source of adverts has to be the router's own.
				r.IP(fmt.Sprintf("addr add %v/64 dev %s nodad", m.frrSource(r), dev))
			}
			r.IP("link set dev " + dev + " up")
		}
	}
	v.conf = l.File(r.Host+"-vrrpd.conf", fmt.Sprintf("log stdout informational\ninterface eth0\n%sexit\ninterface eth1\n%sexit\n", blocks[0], blocks[1]), 0o644)
	v.run("zebra", l.File(r.Host+"-zebra.conf", "log stdout informational\n", 0o644), "zebra.vty")
	return v
}

// macvlan is the name of FRR's interface of an instance.
func (m member) macvlan() string { return fmt.Sprintf("v%d-%d", m.family, m.vrid) }

// mac is the virtual MAC address of an instance (RFC 9568 section 7.3).
func (m member) mac() string {
	return fmt.Sprintf("00:00:5e:00:%02x:%02x", pick6(m.family, 2, 1), m.vrid)
}

// frrSource is the link-local address of FRR's interface of an instance.
func (m member) frrSource(r *lab.Router) string {
	return fmt.Sprintf("fe80::f:%x:%x", r.Number, m.vrid)
}

// run starts a program of FRR, as punctual as the routers beside it, and waits
// until it answers.
func (v *vrrpd) run(name, conf, socket string) *lab.Program {
	v.t.Helper()
	path := filepath.Join(v.dir, socket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		v.t.Fatal(err)
	}
	v.starts++
	p := v.r.Program(fmt.Sprintf("%s-%s-%d", v.r.Host, name, v.starts), "chrt", "-r", "50", "/usr/lib/frr/"+name, "-f", conf,
		"-i", filepath.Join(v.dir, name+".pid"), "-z", filepath.Join(v.dir, "zserv"), "--vty_socket", v.dir, "-P", "0")
	lab.Until(v.t, starting, name+" answers", func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
	return p
}

func (v *vrrpd) begin() { v.t.Helper(); v.p = v.run("vrrpd", v.conf, "vrrpd.vty") }

func (v *vrrpd) end(sig syscall.Signal) {
	v.t.Helper()
	if err := syscall.Kill(v.p.PID(), sig); err != nil {
		v.t.Fatal(err)
	}
	lab.Until(v.t, soon, "vrrpd ends", func() bool { _, ended := v.p.Ended(); return ended })
}

func (v *vrrpd) kill() { v.t.Helper(); v.end(syscall.SIGKILL) }
func (v *vrrpd) stop() { v.t.Helper(); v.end(syscall.SIGTERM) }

// await waits until the instances are in a state.
func (v *vrrpd) await(state string, members []member) {
	v.t.Helper()
	want := map[int]bool{}
	for _, m := range members {
		want[m.vrid] = true
	}
	lab.Until(v.t, starting, fmt.Sprintf("all of %d are %s for vrrpd", len(want), state), func() bool {
		n := 0
		for _, s := range v.show() {
			for _, is := range []string{s.V4.Status, s.V6.Status} {
				if want[s.VRID] && strings.EqualFold(is, state) {
					n++
				}
			}
		}
		return n == len(want)
	})
}

// shown is what vrrpd shows of an instance.
type shown struct {
	VRID   int
	V4, V6 struct{ Status string }
}

func (v *vrrpd) show() (out []shown) {
	v.t.Helper()
	text, err := v.r.Try("vtysh", "--vty_socket", v.dir, "-d", "vrrpd", "-c", "show vrrp json")
	if err != nil {
		return nil // it has only just begun
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		v.t.Fatalf("vrrpd: %v: %s", err, text)
	}
	return out
}
